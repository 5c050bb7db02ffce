-- Drives Neovim as a person would: opens a policy, types into it, and writes down what it then shows.
local uv, out = vim.loop, os.getenv('EDITOR_OUT')
local path, command = os.getenv('EDITOR_POLICY'), vim.fn.json_decode(os.getenv('EDITOR_COMMAND'))
vim.o.swapfile = false
vim.cmd('edit ' .. path)
local buffer = vim.api.nvim_get_current_buf()
local client = vim.lsp.start_client({ name = 'reviewbot', cmd = command, root_dir = vim.fn.getcwd() })
vim.lsp.buf_attach_client(buffer, client)

local function codes()
  local found = {}
  for _, shown in ipairs(vim.diagnostic.get(buffer)) do
    table.insert(found, { code = shown.code, line = shown.lnum, from = shown.col, to = shown.end_col })
  end
  return found
end

local function ask(method, line, column)
  local params = { textDocument = vim.lsp.util.make_text_document_params(buffer) }
  if line then params.position = { line = line, character = column } end
  local answers = vim.lsp.buf_request_sync(buffer, method, params, 20000) or {}
  return answers[client] and answers[client].result or vim.NIL
end

local result = {}
vim.wait(30000, function() return #codes() > 0 end, 20)
result.first = codes()

-- Type the missing letter, then a new line above the end of the file.
local line = result.first[1].line
vim.api.nvim_win_set_cursor(0, { line + 1, 0 })
vim.cmd('normal! A😀 x')
vim.cmd('undo')
vim.cmd('substitute/aprove/approve/')
vim.wait(30000, function() return #codes() == 0 end, 20)
result.mended = codes()
local last = vim.api.nvim_buf_line_count(buffer)
vim.api.nvim_buf_set_lines(buffer, last, last, false, { 'guardrails:', '  when over: ' })
local offers = ask('textDocument/completion', last + 1, 13)
result.offers = {}
for _, item in ipairs(offers.items or offers) do table.insert(result.offers, item.label) end
result.hover = ask('textDocument/hover', last + 1, 4)
result.symbols = #ask('textDocument/documentSymbol')
result.text = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\n')
local file = io.open(out, 'w')
file:write(vim.fn.json_encode(result))
file:close()
vim.cmd('qall!')
