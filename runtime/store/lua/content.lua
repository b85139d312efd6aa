-- Reads a generation of data; needs P, session, space, firstReply, nextReply.
local suffix = #space .. ':' .. space .. ':' .. session
local D, C = P .. 'd:' .. suffix, P .. 'c:' .. suffix
local CHUNK, INLINE = 16384, 4096

-- A cell is its head, with the chunks of a long list behind it.
local function withChunks(key, head)
  if string.sub(head, 1, 1) ~= 'c' then return {head} end
  local cell = {head}
  local length = struct.unpack('>I4', head, 6)
  for index = 0, math.ceil(length / CHUNK) - 1 do
    cell[#cell + 1] = redis.call('HGET', C, key .. struct.pack('>I4', index))
  end
  return cell
end

local function sizeOf(head)
  local kind = string.sub(head, 1, 1)
  if kind == 'v' then return #head - 1 end
  local count = struct.unpack('>I4', head, 2)
  return (kind == 'i' and #head - 5 or struct.unpack('>I4', head, 6)) - 4 * count
end

-- Bytes of the body within what is kept under a request id (codec.ts: time 8, flag 1, length of digest 2, digest, body).
local function bodySize(blob) return #blob - 11 - struct.unpack('>I2', blob, 10) end

-- Name with the bytes of what is there: {letter, name, bytes of content, 1 when there is any}.
local function sized(letter, name)
  local found, size
  if letter == 'd' then
    -- Longer than a list within its head can be, it is a value, which is not read for its size: a large session's would hold up everybody.
    local stored = redis.call('HSTRLEN', D, name)
    if stored > INLINE + 5 then return {letter, name, stored - 1, 1} end
    found = redis.call('HGET', D, name)
    size = found and sizeOf(found)
  elseif letter == 'r' then
    found = redis.call('HGET', P .. 'r:' .. suffix, name)
    size = found and bodySize(found)
  elseif letter == 'm' then
    found = redis.call('HGET', P .. 'm:' .. suffix, name)
    size = found and #found
  else
    found = redis.call('HGET', P .. 'e:' .. suffix, name)
    size = found and #found
  end
  return {letter, name, size or 0, found and 1 or 0}
end

-- Name with what is there: {letter, name, cell or blob or body}.
local function item(letter, name)
  if letter == 'd' then
    local head = redis.call('HGET', D, name)
    return {letter, name, head and withChunks(name, head)}
  end
  return {letter, name, redis.call('HGET', P .. (letter == 'x' and 'e:' or letter .. ':') .. suffix, name)}
end

-- Request ids from the oldest on. Their ring has them in the order in which they came, which a move from elsewhere may change.
local function replyNames()
  local found, names = {}, {}
  for number = firstReply or 0, (nextReply or 0) - 1 do
    local entry = redis.call('HGET', P .. 'r:' .. suffix, number)
    local gap = string.find(entry, ' ', 1, true)
    found[#found + 1] = {tonumber(string.sub(entry, 1, gap - 1)), string.sub(entry, gap + 1)}
  end
  table.sort(found, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
  for i, entry in ipairs(found) do names[i] = entry[2] end
  return names
end

local function laneNames()
  local names = redis.call('HKEYS', P .. 'm:' .. suffix)
  table.sort(names)
  return names
end

local function allNames()
  return redis.call('HKEYS', D), replyNames(), redis.call('ZRANGE', P .. 'o:' .. suffix, 0, -1), laneNames()
end

local function notedNames()
  return redis.call('ZRANGE', P .. 'nd:' .. session, 0, -1), redis.call('ZRANGE', P .. 'nr:' .. session, 0, -1),
    redis.call('ZRANGE', P .. 'nx:' .. session, 0, -1), redis.call('ZRANGE', P .. 'nm:' .. session, 0, -1)
end

local function mapNames(show, keys, replies, effects, lanes)
  local all = {}
  for _, name in ipairs(keys) do all[#all + 1] = show('d', name) end
  for _, name in ipairs(replies) do all[#all + 1] = show('r', name) end
  for _, name in ipairs(effects) do all[#all + 1] = show('x', name) end
  for _, name in ipairs(lanes) do all[#all + 1] = show('m', name) end
  return all
end
