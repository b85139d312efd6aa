-- Changes a generation of data; needs P, session, now, and: space, bytes, replies, effects, nextEffect, isNoting.
local call = redis.call
local pack, unpackStruct = struct.pack, struct.unpack
local suffix = #space .. ':' .. space .. ':' .. session
local D, C = P .. 'd:' .. suffix, P .. 'c:' .. suffix
local INLINE, CHUNK = 4096, 16384

local function note(kind, name, order)
  if isNoting then call('ZADD', P .. 'n' .. kind .. ':' .. session, order, name) end
end

-- What is there under a key: kind, bytes of its content, head. A long value is not read for it.
local function former(key)
  local length = call('HSTRLEN', D, key)
  if length == 0 then return nil, 0 end
  if length > INLINE + 5 then return 'v', length - 1 end
  local head = call('HGET', D, key)
  local kind = string.sub(head, 1, 1)
  if kind == 'v' then return kind, length - 1, head end
  local count = unpackStruct('>I4', head, 2)
  if kind == 'i' then return kind, length - 5 - 4 * count, head end
  return kind, unpackStruct('>I4', head, 6) - 4 * count, head
end

local function dropChunks(key, head)
  local length = unpackStruct('>I4', head, 6)
  for index = 0, math.ceil(length / CHUNK) - 1 do call('HDEL', C, key .. pack('>I4', index)) end
end

local function grown(key, kind, from, to)
  bytes = bytes + to - from + (kind and 0 or #key)
end

local function remove(key)
  local kind, size, head = former(key)
  if not kind then return end
  if kind == 'c' then dropChunks(key, head) end
  call('HDEL', D, key)
  bytes = bytes - size - #key
end

local function setValue(key, value)
  local kind, size, head = former(key)
  if kind == 'c' then dropChunks(key, head) end
  call('HSET', D, key, 'v' .. value)
  grown(key, kind, size, #value)
end

-- Writes chunks from byte `at` on, which begins a chunk.
local function writeChunks(key, at, content)
  for from = 1, #content, CHUNK do
    call('HSET', C, key .. pack('>I4', (at + from - 1) / CHUNK), string.sub(content, from, from + CHUNK - 1))
  end
end

local function writeList(key, count, content)
  if #content <= INLINE then
    call('HSET', D, key, 'i' .. pack('>I4', count) .. content)
  else
    call('HSET', D, key, 'c' .. pack('>I4', count) .. pack('>I4', #content))
    writeChunks(key, 0, content)
  end
end

local function setList(key, count, content)
  local kind, size, head = former(key)
  if kind == 'c' then dropChunks(key, head) end
  writeList(key, count, content)
  grown(key, kind, size, #content - 4 * count)
end

local function append(key, count, content)
  local kind, size, head = former(key)
  if kind ~= 'i' and kind ~= 'c' then return setList(key, count, content) end
  local total = unpackStruct('>I4', head, 2) + count
  if kind == 'i' then
    writeList(key, total, string.sub(head, 6) .. content)
  else
    local length = unpackStruct('>I4', head, 6)
    local at = length - length % CHUNK
    local tail = call('HGET', C, key .. pack('>I4', at / CHUNK)) or ''
    call('HSET', D, key, 'c' .. pack('>I4', total) .. pack('>I4', length + #content))
    writeChunks(key, at, tail .. content)
  end
  bytes = bytes + #content - 4 * count
end

local function keep(key, atMs, blob)
  replies = replies + call('ZADD', P .. 'a:' .. suffix, atMs, key)
  call('HSET', P .. 'r:' .. suffix, key, blob)
  note('r', key, atMs)
end

local function owe(id, body)
  local isNew = call('ZADD', P .. 'o:' .. suffix, 'NX', nextEffect, id)
  nextEffect, effects = nextEffect + isNew, effects + isNew
  call('HSET', P .. 'e:' .. suffix, id, body)
  if isNoting then note('x', id, call('ZSCORE', P .. 'o:' .. suffix, id)) end
end

local function settle(id)
  if isNoting then note('x', id, call('ZSCORE', P .. 'o:' .. suffix, id) or -1) end
  effects = effects - call('ZREM', P .. 'o:' .. suffix, id)
  call('HDEL', P .. 'e:' .. suffix, id)
end

-- Forgets request ids that are too many or too old.
local function evict()
  while replies > 0 do
    local oldest = call('ZRANGE', P .. 'a:' .. suffix, 0, 0, 'WITHSCORES')
    if replies <= LIMIT.MAX_REQUEST_IDS and tonumber(oldest[2]) + LIMIT.REQUEST_ID_KEEP_MS > now then return end
    call('ZREM', P .. 'a:' .. suffix, oldest[1])
    call('HDEL', P .. 'r:' .. suffix, oldest[1])
    replies = replies - 1
  end
end

-- Applies `count` changes that begin at ARGV[at]; returns where they end.
local function apply(at, count)
  for _ = 1, count do
    local op, name = ARGV[at], ARGV[at + 1]
    if op == 's' then
      setValue(name, ARGV[at + 2])
      note('d', name, 0)
      at = at + 3
    elseif op == 'd' then
      remove(name)
      note('d', name, 0)
      at = at + 2
    elseif op == 'a' or op == 'l' then
      local write = op == 'a' and append or setList
      write(name, tonumber(ARGV[at + 2]), ARGV[at + 3])
      note('d', name, 0)
      at = at + 4
    elseif op == 'r' then
      keep(name, ARGV[at + 2], ARGV[at + 3])
      at = at + 4
    elseif op == 'e' then
      owe(name, ARGV[at + 2])
      at = at + 3
    else
      settle(name)
      at = at + 2
    end
  end
  return at
end
