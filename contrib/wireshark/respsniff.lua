-- Shows in Wireshark and tshark what respsniff says of each command of a capture: which reply the server meant for it (serves),
-- and which one its caller got (believes).
--
--   respsniff pairs -o ndjson=pairs.ndjson redis.pcap
--   tshark -X lua_script:respsniff.lua -X lua_script1:pairs.ndjson -r redis.pcap -Y respsniff.misread
--
-- In Wireshark: put this file into the folder of personal plugins (Help > About > Folders), and name the file of pairs in
-- Preferences > Protocols > respsniff, or in the environment as RESPSNIFF_PAIRS. Frames count in one file: the rows must be of
-- the file that is open, and of no other. respsniff.colors has colouring rules (View > Coloring Rules > Import).

local proto = Proto("respsniff", "respsniff: whose reply is it")
local fields = {
  conn = ProtoField.uint32("respsniff.conn", "Connection", base.DEC, nil, 0, "As respsniff numbers them"),
  index = ProtoField.uint32("respsniff.index", "Command", base.DEC, nil, 0, "Its number on the connection, from 1"),
  command = ProtoField.string("respsniff.command", "Name"),
  key = ProtoField.string("respsniff.key", "Key"),
  serves = ProtoField.string("respsniff.serves", "Serves", base.ASCII, "The reply that the server meant for it"),
  serves_frame = ProtoField.framenum("respsniff.serves_frame", "Its reply is in", base.NONE, frametype.RESPONSE),
  believes = ProtoField.uint32("respsniff.believes", "Believes", base.DEC, nil, 0, "The command whose reply its caller got"),
  confidence = ProtoField.string("respsniff.confidence", "Confidence"),
  misread = ProtoField.bool("respsniff.misread", "Misread", base.NONE, nil, 0, "Its caller got another command's reply"),
  gave_up = ProtoField.bool("respsniff.gave_up", "Gave up", base.NONE, nil, 0, "Its caller got no reply"),
  reply_to = ProtoField.uint32("respsniff.reply_to", "Reply to command", base.DEC, nil, 0, "The command that a reply in this frame is meant for"),
  reply_to_frame = ProtoField.framenum("respsniff.reply_to_frame", "Its command is in", base.NONE, frametype.REQUEST),
  got_by = ProtoField.uint32("respsniff.got_by", "Got by command", base.DEC, nil, 0, "The command whose caller got a reply in this frame, where that is another one"),
}
proto.fields = fields
proto.prefs.pairs = Pref.string("File of pairs", "", "What 'respsniff pairs -o ndjson' wrote of the capture that is open")

-- decode reads one line of JSON. null is left out. It gives nil for what is no JSON.
local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local function decode(text)
  local at = 1
  local value
  local function space() at = text:find("[^ \t\r\n]", at) or #text + 1 end
  local function str()
    local out = {}
    at = at + 1
    while true do
      local stop = text:find('["\\]', at)
      if not stop then error("no end of a string") end
      out[#out + 1] = text:sub(at, stop - 1)
      if text:sub(stop, stop) == '"' then
        at = stop + 1
        return table.concat(out)
      end
      local c = text:sub(stop + 1, stop + 1)
      if c == "u" then
        local code = tonumber(text:sub(stop + 2, stop + 5), 16) or 63
        out[#out + 1] = code < 128 and string.char(code) or "?"
        at = stop + 6
      else
        out[#out + 1] = escapes[c] or c
        at = stop + 2
      end
    end
  end
  local function list(close, item)
    local out = {}
    at = at + 1
    space()
    while text:sub(at, at) ~= close do
      item(out)
      space()
      if text:sub(at, at) == "," then at = at + 1 space()
      elseif text:sub(at, at) ~= close then error("no comma") end
    end
    at = at + 1
    return out
  end
  function value(depth)
    if depth > 8 then error("too deep") end
    space()
    local c = text:sub(at, at)
    if c == '"' then return str() end
    if c == "{" then
      return list("}", function(out)
        local key = str()
        space()
        at = at + 1
        out[key] = value(depth + 1)
      end)
    end
    if c == "[" then return list("]", function(out) out[#out + 1] = value(depth + 1) end) end
    local word = text:match("^[%w%.%+%-]+", at)
    if not word then error("no value") end
    at = at + #word
    if word == "true" then return true elseif word == "false" then return false elseif word == "null" then return nil end
    return tonumber(word)
  end
  local ok, row = pcall(value, 1)
  if ok and type(row) == "table" then return row end
end

local commands, replies -- lists of rows by frame
local taken = {} -- rows by connection and index, for the replies that others got

local function place(by, frame, row)
  if not frame then return end
  by[frame] = by[frame] or {}
  table.insert(by[frame], row)
end

local arguments = { ... }
local function load()
  commands, replies, taken = {}, {}, {}
  local name = proto.prefs.pairs
  if not name or name == "" then name = arguments[1] or os.getenv("RESPSNIFF_PAIRS") end
  if not name or name == "" then return end
  local file, problem = io.open(name)
  if not file then
    report_failure("respsniff: " .. tostring(problem))
    return
  end
  for line in file:lines() do
    local row = decode(line)
    if row and row.type == "exchange" then
      place(commands, row.frame, row)
      taken[row.conn .. "/" .. row.index] = row
      if row.serves then place(replies, row.serves.frame, row) end
    end
  end
  file:close()
  for _, rows in pairs(commands) do
    for _, row in ipairs(rows) do
      local b = row.believes
      row.misread = b ~= nil and b.confidence ~= "unknown" and b.index ~= row.index
      local owner = row.misread and b.index and taken[row.conn .. "/" .. b.index]
      if owner then owner.got_by = row.index end
    end
  end
end

function proto.prefs_changed() commands = nil end
function proto.init() commands = nil end

local function describe(row)
  local s, b = row.serves, row.believes
  local serves = s and (s.kind .. (s.error and " " .. s.error or "")) or "none seen"
  local believes = "no reply"
  if b and b.confidence == "unknown" then believes = "unknown"
  elseif b and b.index == row.index then believes = "its own"
  elseif b and b.index then believes = "that of #" .. b.index
  elseif b then believes = "one of no command here" end
  return serves, believes
end

function proto.dissector(buffer, pinfo, tree)
  if not commands then load() end
  local frame = pinfo.number
  for _, row in ipairs(commands[frame] or {}) do
    local serves, believes = describe(row)
    local sub = tree:add(proto, buffer(0, 0), string.format("respsniff: #%d %s, its caller got %s", row.index, row.command, believes))
    sub:add(fields.conn, row.conn):set_generated()
    sub:add(fields.index, row.index):set_generated()
    sub:add(fields.command, row.command):set_generated()
    if row.key then sub:add(fields.key, row.key):set_generated() end
    sub:add(fields.serves, serves):set_generated()
    if row.serves then sub:add(fields.serves_frame, row.serves.frame):set_generated() end
    if row.believes then
      if row.believes.index then sub:add(fields.believes, row.believes.index):set_generated() end
      sub:add(fields.confidence, row.believes.confidence):set_generated()
    else
      sub:add(fields.gave_up, true):set_generated()
    end
    if row.misread then sub:add(fields.misread, true):set_generated() end
  end
  for _, row in ipairs(replies[frame] or {}) do
    local sub = tree:add(proto, buffer(0, 0), string.format("respsniff: reply to #%d %s", row.index, row.command))
    sub:add(fields.reply_to, row.index):set_generated()
    sub:add(fields.reply_to_frame, row.frame):set_generated()
    if row.got_by then sub:add(fields.got_by, row.got_by):set_generated() end
  end
end

register_postdissector(proto)
