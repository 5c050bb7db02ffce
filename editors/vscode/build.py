"""Builds reviewbot-policy.vsix: the client is bundled by esbuild, the archive written byte by byte alike.

python editors/vscode/build.py [FOLDER]    needs npm; FOLDER is where the .vsix goes (here without)
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

HERE = Path(__file__).resolve().parent
SOURCES = ("main.js", "package.json", "package-lock.json")
NAME = "reviewbot-policy.vsix"

CONTENT_TYPES = """<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension=".json" ContentType="application/json"/>
<Default Extension=".vsixmanifest" ContentType="text/xml"/>
<Default Extension=".js" ContentType="application/javascript"/>
<Default Extension=".md" ContentType="text/markdown"/>
<Default Extension=".txt" ContentType="text/plain"/>
</Types>
"""

MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata>
<Identity Language="en-US" Id="{name}" Version="{version}" Publisher="{publisher}"/>
<DisplayName>{displayName}</DisplayName>
<Description xml:space="preserve">{description}</Description>
<Categories>{categories}</Categories>
<License>extension/LICENSE.txt</License>
<Properties>
<Property Id="Microsoft.VisualStudio.Code.Engine" Value="{engine}"/>
<Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="workspace"/>
</Properties>
</Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Dependencies/>
<Assets>
<Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
<Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true"/>
</Assets>
</PackageManifest>
"""


def build(folder: Path) -> Path:
    """Bundle the client in a folder of its own, write the archive, and give its path."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for source in SOURCES:
            shutil.copy(HERE / source, work)
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit("error: npm is not installed; it fetches the client and bundles it.")
        _run(work, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        esbuild = work / "node_modules" / ".bin" / "esbuild"
        options = ("--bundle", "--minify", "--platform=node", "--target=node20")
        outside = ("--external:vscode", "--outfile=extension.js", "--log-level=warning")
        _run(work, str(esbuild), "main.js", *options, *outside)
        return _archive(work, folder / NAME)


def _run(work: Path, *command: str) -> None:
    subprocess.run(command, cwd=work, check=True)


def _archive(work: Path, target: Path) -> Path:
    about = json.loads((work / "package.json").read_text(encoding="utf-8"))
    manifest = MANIFEST.format(
        **{key: about[key] for key in ("name", "version", "publisher", "displayName")},
        description=about["description"],
        categories=",".join(about["categories"]),
        engine=about["engines"]["vscode"],
    )
    packed = {key: part for key, part in about.items() if not key.lower().endswith("dependencies")}
    parts = {
        "[Content_Types].xml": CONTENT_TYPES,
        "extension.vsixmanifest": manifest,
        "extension/LICENSE.txt": (HERE.parents[1] / "LICENSE").read_text(encoding="utf-8"),
        "extension/README.md": (HERE / "README.md").read_text(encoding="utf-8"),
        "extension/THIRD-PARTY.txt": _licences(work / "node_modules"),
        "extension/extension.js": (work / "extension.js").read_text(encoding="utf-8"),
        "extension/package.json": json.dumps(packed, indent=2) + "\n",
    }
    with ZipFile(target, "w", ZIP_STORED) as archive:
        for name, text in parts.items():
            entry = ZipInfo(name)  # of 1980, so that two builds are alike
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.encode())
    return target


def _licences(modules: Path) -> str:
    """The licences of what is bundled, by name."""
    found = []
    for path in sorted(modules.glob("*/package.json")):
        name = path.parent.name
        texts = sorted(
            part for part in path.parent.iterdir() if part.name.lower().startswith("licen")
        )
        if name != "esbuild" and texts:
            found.append(f"{name}\n\n{texts[0].read_text(encoding='utf-8').strip()}\n")
    return ("\n" + "-" * 80 + "\n\n").join(found)


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if sys.argv[1:] else HERE))
