-- Loads, saves and describes the slot of `session`; needs P (prefix), node, now, session, slotKey.
--@fields
local call = redis.call
local isKnown, wasUnfinished = false, false

-- Key of one kind of data in a generation. The length tells apart what ends where.
local function spaceKey(kind, space) return P .. kind .. #space .. ':' .. space .. ':' .. session end
local function noteKey(kind) return P .. 'n' .. kind .. ':' .. session end

local function isUnfinished(slot)
  return slot.leaving ~= nil or slot.arriving ~= nil or slot.owed ~= '[]' or slot.effects > 0
end

local function load()
  local found = call('HMGET', slotKey, unpack(LOADED))
  if not found[1] then return nil end
  local slot = cjson.decode(found[1])
  for i, name in ipairs(NUMBERS) do slot[name] = tonumber(found[1 + i] or 0) end
  for i, name in ipairs(TEXTS) do slot[name] = found[1 + #NUMBERS + i] end
  isKnown, wasUnfinished = true, isUnfinished(slot)
  return slot
end

-- Most are whole, and those are written in a fraction of the time.
local function number(value)
  if value % 1 == 0 and value < 9007199254740992 and value > -9007199254740992 then return string.format('%d', value) end
  return string.format('%.17g', value)
end

-- JSON of what changes rarely, but for its closing brace; the functions come last, where acquire can add one.
local function restOf(slot)
  local rest = {}
  for _, name in ipairs(REST) do rest[name] = slot[name] end
  return string.sub(cjson.encode(rest), 1, -2) .. ',"owed":' .. slot.owed .. ',"knownBy":' .. slot.knownBy
    .. ',"functions":' .. slot.functions
end

local function noteUnfinished(slot)
  local unfinished = isUnfinished(slot)
  if unfinished and not wasUnfinished then call('SADD', P .. 'unfinished', session) end
  if wasUnfinished and not unfinished then call('SREM', P .. 'unfinished', session) end
end

local function restAndTwins(slot, rest)
  local fields = {'rest', rest .. '}'}
  for _, name in ipairs(TWINS) do
    local value = slot[name] or ''
    fields[#fields + 1] = name
    fields[#fields + 1] = type(value) == 'number' and number(value) or value
  end
  return fields
end

-- Answers `rest`, for who describes the slot behind it.
local function save(slot)
  local rest = restOf(slot)
  local fields = restAndTwins(slot, rest)
  for _, name in ipairs(NUMBERS) do fields[#fields + 1] = name; fields[#fields + 1] = number(slot[name]) end
  for _, name in ipairs(TEXTS) do fields[#fields + 1] = name; fields[#fields + 1] = slot[name] end
  call('HSET', slotKey, unpack(fields))
  if not isKnown then call('ZADD', P .. 'index', 0, session) end
  noteUnfinished(slot)
  return rest
end

-- The same of a known slot of which nothing is new but the lease and what `rest` has: a move's writers wait for it.
local function saveState(slot)
  call('HSET', slotKey, 'lease', slot.lease, unpack(restAndTwins(slot, restOf(slot))))
  noteUnfinished(slot)
end

-- JSON of the slot as the client knows it.
local function describe(slot, rest)
  local text = (rest or restOf(slot)) .. ',"version":' .. number(slot.version) .. ',"ttlMs":' .. number(slot.ttlMs)
    .. ',"lastAccessAtMs":' .. number(slot.lastAccessAtMs) .. ',"bytes":' .. number(slot.bytes)
  if slot.lease ~= '' then text = text .. ',"lease":' .. slot.lease end
  return text .. '}'
end

local function blank(creator, functions)
  return {
    session = session, ['function'] = creator, functions = functions or cjson.encode({creator}), home = '', current = '', epoch = 0, version = 0,
    incarnation = '', state = 'absent', owed = '[]', knownBy = '[]', ttlMs = 0, createdAtMs = now, lastAccessAtMs = now,
    lease = '', bytes = 0, space = '', firstReply = 0, nextReply = 0, effects = 0, nextEffect = 0,
  }
end

local function isAbsent(slot) return slot == nil or slot.state == 'absent' end

-- A lease counts while it has time left and its owner still lives the life that took it.
local function leasedUntil(slot, owner, boot)
  if slot.lease == '' then return nil end
  local lease = cjson.decode(slot.lease)
  if lease.untilMs <= now or (owner == lease.owner and boot ~= lease.boot) then return nil end
  return lease.untilMs
end

local function hasExpired(slot) return slot.ttlMs > 0 and now - slot.lastAccessAtMs > slot.ttlMs end

local function unlinkSpace(space)
  call('UNLINK', spaceKey('d:', space), spaceKey('c:', space), spaceKey('r:', space), spaceKey('e:', space), spaceKey('o:', space), spaceKey('m:', space))
end

local function wipe(slot)
  unlinkSpace(slot.space)
  slot.space, slot.bytes, slot.firstReply, slot.nextReply, slot.effects, slot.nextEffect = '', 0, 0, 0, 0, 0
end

local function unstage(attempt)
  unlinkSpace(attempt)
  call('UNLINK', spaceKey('t:', attempt))
end

local function clearNotes() call('UNLINK', noteKey('d'), noteKey('r'), noteKey('x'), noteKey('m')) end

local function forget(slot)
  unlinkSpace(slot.space)
  clearNotes()
  call('DEL', slotKey)
  call('ZREM', P .. 'index', session)
  call('SREM', P .. 'unfinished', session)
end

-- The reservation ends: back to what was believed before, which may be nothing.
local function dropArriving(slot)
  unstage(slot.arriving.attempt)
  slot.arriving = nil
  if slot.state == 'absent' then forget(slot) else save(slot) end
end

-- JSON lists stay text, because an empty one would not survive decoding.
local function joined(first, second)
  if first == '[]' then return second end
  if second == '[]' then return first end
  return string.sub(first, 1, -2) .. ',' .. string.sub(second, 2)
end

local function filtered(list, keeps)
  if list == '[]' then return list end
  local kept = {}
  for _, row in ipairs(cjson.decode(list)) do
    if keeps(row) then kept[#kept + 1] = row end
  end
  return #kept == 0 and '[]' or cjson.encode(kept)
end

local function reply(fields) return cjson.encode(fields) end
local function replyWith(kind, slot) return '{"kind":"' .. kind .. '","slot":' .. describe(slot) .. '}' end
