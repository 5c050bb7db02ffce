"""Other words for the language's own: by what they mean, in English and German, and the program's phrases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reviewbot.policy.text_forms import fold

Words = Mapping[str, tuple[str, ...]]
"""Folded words, and the names that they may stand for, the likeliest first."""


def _table(rows: str) -> Words:
    """Read rows `name: other words, …`; a word may stand in several."""
    found: dict[str, tuple[str, ...]] = {}
    for row in rows.strip().split("\n"):
        name, _, words = row.strip().partition(": ")
        for word in words.split(", "):
            found[word] = (*found.get(word, ()), name)
    return found


def meaning(word: str, words: Words, allowed: Iterable[str]) -> str | None:
    """Find the allowed name that a word stands for by its meaning."""
    folded = " ".join(fold(word).replace("_", " ").replace("-", " ").strip(" .:;,!?…").split())
    names = tuple(allowed)
    spelled = folded.replace("ae", "ä").replace("oe", "ö").replace("ue", "ü")
    found = words.get(folded) or words.get(spelled, ())
    return next((name for name in found if name in names), None)


_TURNING = "not no never don't dont nicht kein nie without ohne or and"


def meaning_inside(text: str, words: Words, allowed: Iterable[str]) -> str | None:
    """Find the allowed name that some words of a sentence stand for; None where they are in doubt."""
    spaced = f" {fold(text).strip(' .!?')} "
    if set(_TURNING.split()) & set(spaced.split()):
        return None
    names = tuple(allowed)
    found = {
        meaning(word, words, names) for word in words if len(word) > 2 and f" {word} " in spaced
    }
    return found.pop() if len(found) == 1 else None


ACTIONS = _table("""
approve: accept, pay, pays, paid, gets paid, is paid, pay out, ok, okay, yes, approval, allow, confirm, release, genehmigen, genehmigt, freigeben, bezahlen, zahlen, auszahlen, akzeptieren, annehmen, bestätigen, approuver, payer, aprobar, pagar
dispute: reject, rejected, refuse, sent back, goes back, bounce, give back, deny, decline, send back, sendback, return, redo, correct, correction, no, ablehnen, abgelehnt, zurückweisen, zurückschicken, zurücksenden, beanstanden, reklamieren, refuser, rechazar
escalate: ask, ask a person, a person, person, people, human, manual, manually, review, check, to a person, send to a person, a person decides, somebody, team, lead, supervisor, maria, eskalieren, eskaliert, fragen, prüfen, mensch, person fragen, nachfragen, weiterleiten
wait: hold, delay, later, postpone, pause, look again, try again, recheck, check again, re check, warten, warte, später, nochmal prüfen, attendre, esperar
leave: skip, ignore, nothing, do nothing, none, pass, let it pay, keep, liegen lassen, lassen, ignorieren, nichts, nichts tun, überspringen
finalize: approve, accept, ok, finish, complete, done, finalise, freigeben, genehmigen, abschließen
request corrections: dispute, reject, corrections, correct, send back, request correction, correction, ablehnen, korrigieren, korrektur, nachbessern
""")

KEYS = _table(
    """
policy: richtlinie, regelwerk, name, title, id
language: version, sprache
owner: besitzer, author, contact, verantwortlich, ansprechpartner, inhaber, eigentümer
about: description, beschreibung, summary, purpose, info, über, note
timezone: zeitzone, time zone, zone, tz
locale: lang, sprachraum
applies to: scope, gilt für, for, only for
hours: öffnungszeiten, zeiten, arbeitszeiten, stunden, opening hours, business hours, office hours, working hours, calendar, calendars, schedule, kalender
lists: listen, liste, sets
conditions: bedingungen
patterns: muster, regex, regexes
rules: regeln, regel, policies
reasons: gründe, grund, begründungen, texts, texte, messages, templates
deadline: frist, fristen, end, deadlines, due
guardrails: limits, caps, limit, grenzen, leitplanken, obergrenzen, safety
tests: prüfungen, examples, beispiele, checks
name: titel, title, regel, rule, id, label, bezeichnung
when: given, if, wenn, falls, where, condition, conditions, bedingung, match, matches, all, all of, and, when all
when any: wenn eines, if any, any, or, oder, when one, when or, any of
always: immer, everything, default, otherwise, else, sonst, rest, the rest, andernfalls, ansonsten, in all other cases
unless: außer, except, but not, if not, wenn nicht
then: expect, expected, action, actions, steps, do, dann, aktion, tun, result, decision, so, outcome, effect, perform
reason: grund, begründung, text, message, because, nachricht, reasons
to: assignee, assign to, an, who, person, whom, für, ask, send to
question: frage, ask, text, message
until: expires, expiry, expire, expires on, valid until, valid to, end, ends, end date, bis, gültig bis, ablauf, ablaufdatum, till, to, wait, wait until, für
because: warum, why, weil, begründung, reason, grund
act during: during, hours, während, nur während, only during, act in, time, when open, zeiten
hold: delay, cooldown, cool down, seal, grace, grace period, hold for, zurückhalten, wartezeit
stage: ladder, phase, canary, stufe
promote after: promote, promote when, climb after
demote when overruled: demote, demote when, demote after
rollout: share, percentage, sample, anteil
shadow: dry run, test, probe, probeweise
note: comment, remark, notiz, bemerkung, kommentar, hinweis, description, reason, why, about
id: account, konto, value, name, account id, saved account id, handle, wert, username
file: datei, csv, path, source, from
open: offen, geöffnet, öffnet, days, hours, from, times, on, tage, zeiten
closed: geschlossen, zu, except, holidays, feiertage, off, not on
decide by: entscheiden bis, decide until, decide before, deadline, by, bis, decide, until, entscheide bis, latest
if undecided: wenn unentschieden, otherwise, else, default, sonst, if not decided, if nobody decides, then, fallback, undecided
remind: reminder, reminders, erinnern, erinnerung, remind at, notify, erinnere
otherwise: else, sonst, default, andernfalls, ansonsten, other
approvals: approved, approve, genehmigungen, freigaben, payments
disputes: disputed, dispute, ablehnungen, rejections, beanstandungen
disputes per account: per account, dispute per account, disputes per user, disputes each account, ablehnungen pro konto
money approved: money, budget, spend, amount, geld, approved money, money per day, payout, payouts, max money, paid, geld genehmigt
dispute share: share of disputes, dispute rate, ablehnungsquote
when over: if over, over, when full, when reached, on limit, wenn überschritten, then
given: facts, input, gegeben, if, when, wenn, with
expect: expected, expects, then, result, erwartet, erwarte, dann, action, decision
expect never: never, not, nie, niemals, expect not
by: rule, regel, durch, von, from, by rule
reason says: text, reason contains, reason, message, says, grund enthält
at: when, time, moment, um, zeitpunkt
over time: timeline, zeitverlauf, verlauf, later, times
regex: pattern, muster, expression
matches: examples, passt auf, match, beispiele
does not match: not matches, not match, passt nicht auf, doesn't match
any of: one of, or, any, eines von, oder, either, at least one of
none of: not, neither, keines von, not any of, nor
review: type, kind, art
platform: platforms, plattform, network
saved account id: accounts, account, konten, konto
""".replace("saved account id:", "saved_account_id:")
)

OF_OTHERS = {
    "delete it: rules are asked from top to bottom, and the first that matches decides": "priority, prio, weight, order,"
    " rank, salience, position, precedence, reihenfolge, priorität, gewicht, stop, break, final, last, terminal, continue,"
    " exit, stopp, next, goto",
    "a rule does one thing: what else is to be done stands in a rule of its own below it": "else, otherwise, default,"
    " sonst, orelse, andernfalls, elif, ansonsten",
    "to keep a rule without effect write  shadow: yes": "enabled, active, disabled, off, on, aktiv, inaktiv, deaktiviert,"
    " paused, pause, draft, status, state",
}
"""What is said of keys that rules have in other tools and need not here."""

FACTS = _table("""
task.times_disputed: disputes, disputed, disputed before, dispute count, times sent back, rejections, number of disputes, ablehnungen, anzahl ablehnungen, times rejected, times disputed
task.sent_back_before: sent back, sent back before, send backs
task.round: round, runde, attempt round
task.platform: platform, plattform, network, social network, kanal
task.saved_account_id: account, account id, konto, konto id, user, username, accountid, profile, saved account, manager
task.target_video_url: video, url, link, video url, video link, post
task.target_author_handle: author, creator, handle, autor, video author, target author
task.comment_text: text, comment, kommentar, comment text, kommentartext, ordered text, wortlaut
task.comment_length: length, länge, comment length, textlänge, characters
task.cm_payout_amount: payout, amount, price, money, cost, betrag, preis, payout amount, auszahlung, pay, payment, usd, vergütung, lohn
task.status: status, state
task.waiting_for: waiting, waiting time, wartezeit, age, waited, waiting since, alter
task.time_left: time left, remaining, remaining time, restzeit, time remaining, hours left
task.posted_ago: posted, posted since
last.outcome_kind: outcome, result, ergebnis, kind, outcome kind, check result, verdict, last outcome, last result
last.verified: verified, found, gefunden, verifiziert
last.match_score: score, match, match score, similarity, ähnlichkeit, treffer, punktzahl, matching, match rate
last.comments_scraped: comments, comments read, scraped, scraped comments, comments scraped, kommentare, number of comments, comment count, read comments, anzahl kommentare, comments checked, comments count, gelesene kommentare
last.scraped_at: date, check date, checked, checked at, scraped, datum, last check, scraped date, prüfdatum, time of check, check time
last.age: check age, age of check
checks.count: checks, attempts, tries, versuche, number of checks, prüfungen, anzahl prüfungen, attempt count
checks.failed: failed checks, failed, failures, fehlversuche, failed attempts
checks.best_score: best score, highest score, max score, beste bewertung
account.approvals_30d: approvals, approved before, genehmigungen, account approvals, approvals 30 days
account.disputes_30d: account disputes, disputes of account, disputes 30 days
account.decisions_30d: decisions, entscheidungen
account.dispute_share_30d: dispute share, dispute rate, ablehnungsquote, share of disputes
account.paid_30d: paid, paid out, bezahlt, ausgezahlt
account.display_name: name, vorname, first name, nachname, manager name, display name, anzeigename
account.handle: account name, account handle, kontoname
account.country: country, land, nation
fleet.open_tasks: open tasks, queue, offene aufgaben, tasks open, queue length
fleet.escalated: escalated, open questions
profile.username: username, user name, benutzername, name
profile.biography: bio, biography, biografie
profile.visible_name: display name, visible name, anzeigename
review.waiting_for: waiting, age, wartezeit
outcome_kind: outcome, result, ergebnis
match_score: score, similarity
comments_scraped: comments, kommentare, comments read
now: time, current time, date, today, heute, jetzt, zeit, uhrzeit, clock
""")

VALUES = _table("""
date: datum, day, tag, short date, long date, datum kurz
time: uhrzeit, zeit, hour, clock, uhr
date and time: datetime, datum und uhrzeit, datum und zeit, timestamp, zeitpunkt, date time, full
date iso: iso, iso date, iso datum, iso 8601
times: mal, x, count, anzahl
money: geld, betrag, usd, currency, dollar, währung, amount
shadow: pilot, test, testing, probe, probeweise, dry run, off, draft, silent, schatten, entwurf, beta, none
live: on, full, fully, all, everything, prod, production, an, aktiv, active, echt, everyone, alle, rollout
couldnt_verify: not found, nicht gefunden, not there, missing, fehlt, absent, unverified, unverifiziert, could not verify, cannot verify, cant verify, nothing found, nicht da, not visible, nicht verifiziert, no match, comment missing, kommentar fehlt, comment not found, unverifiable
wrong_text: different text, text differs, changed text, other text, wrong comment, text wrong, anderer text, falscher text, text falsch, text weicht ab, text mismatch, abweichender text, bad text
wrong_account: falsches konto, anderes konto, falscher account, other account, different account, account wrong, wrong user, wrong profile, wrong handle, konto falsch, account mismatch
verified: found, ok, gefunden, verifiziert, bestätigt, confirmed, success, matched, correct, there, visible, is verified
scrape_failed: failed, error, fehler, timeout, blind, fehlgeschlagen, crashed, could not look, scraping failed, scrape error, failure, not scraped, check failed, prüfung fehlgeschlagen, scraper failed, failed scrape, unreachable
tiktok: tik tok, tt, tik
instagram: insta, ig, reels, insta gram
video: post, reel, film
comment: reply, kommentar, antwort
manually_confirmed: confirmed, waiting, insisted, bestätigt
finalized: final, done, paid, bezahlt
""")
