-- Applies `count` changes that begin at ARGV[at] to a generation of data, and leaves `at` behind them. Needs P, session and, as
-- locals of its surroundings: space, bytes, nextReply, effects, nextEffect, isNoting, freshKey (a request id that is known to be
-- new, or nil), at, count. One flow without
-- functions: on the path of every request, making closures would cost more than running them.
local suffix = #space .. ':' .. space .. ':' .. session
local D, C = P .. 'd:' .. suffix, P .. 'c:' .. suffix
local INLINE, CHUNK = 4096, 16384
for _ = 1, count do
  local op, name = ARGV[at], ARGV[at + 1]
  if op == 'k' then
    -- A value, as its cell, over nothing or another value, with the number of bytes by which the session grows.
    redis.call('HSET', D, name, ARGV[at + 2])
    bytes = bytes + ARGV[at + 3]
    if isNoting then redis.call('ZADD', P .. 'nd:' .. session, 0, name) end
    at = at + 4
  elseif op == 's' or op == 'a' or op == 'd' or op == 'l' then
    -- What was there: kind, bytes of content, head. A long value is not read for it.
    local kind, size, head, length = nil, 0, nil, nil
    local stored = bytes > INLINE and redis.call('HSTRLEN', D, name) or -1
    if stored > INLINE + 5 then
      kind, size = 'v', stored - 1
    elseif stored ~= 0 then
      head = redis.call('HGET', D, name)
      if head then
        kind, size = string.sub(head, 1, 1), #head - 1
        if kind == 'i' then
          size = #head - 5 - 4 * struct.unpack('>I4', head, 2)
        elseif kind == 'c' then
          length = struct.unpack('>I4', head, 6)
          size = length - 4 * struct.unpack('>I4', head, 2)
        end
      end
    end
    if kind == 'c' and op ~= 'a' then
      for index = 0, math.ceil(length / CHUNK) - 1 do redis.call('HDEL', C, name .. struct.pack('>I4', index)) end
    end
    if op == 'd' then
      if kind then
        redis.call('HDEL', D, name)
        bytes = bytes - size - #name
      end
      at = at + 2
    elseif op == 's' then
      local cell = ARGV[at + 2]
      redis.call('HSET', D, name, cell)
      bytes = bytes + #cell - 1 - size + (kind and 0 or #name)
      at = at + 3
    else
      local total, content, from = tonumber(ARGV[at + 2]), ARGV[at + 3], 0
      local added = #content - 4 * total
      if op == 'a' and (kind == 'i' or kind == 'c') then
        total = total + struct.unpack('>I4', head, 2)
        bytes = bytes + added
        if kind == 'i' then
          content = string.sub(head, 6) .. content
        else
          -- Only the last chunk is written again.
          from = length - length % CHUNK
          content = (redis.call('HGET', C, name .. struct.pack('>I4', from / CHUNK)) or '') .. content
        end
      else
        bytes = bytes + added - size + (kind and 0 or #name)
      end
      if from + #content <= INLINE then
        redis.call('HSET', D, name, 'i' .. struct.pack('>I4', total) .. content)
      else
        redis.call('HSET', D, name, 'c' .. struct.pack('>I4I4', total, from + #content))
        for offset = 1, #content, CHUNK do
          local chunk = name .. struct.pack('>I4', (from + offset - 1) / CHUNK)
          redis.call('HSET', C, chunk, string.sub(content, offset, offset + CHUNK - 1))
        end
      end
      at = at + 4
    end
    if isNoting then redis.call('ZADD', P .. 'nd:' .. session, 0, name) end
  elseif op == 'r' then
    -- The id's answer, and its number in the ring of all ids: the oldest has the smallest.
    local number, ring = nextReply, P .. 'r:' .. suffix
    if name ~= freshKey and redis.call('HEXISTS', ring, name) == 1 then
      repeat number = number - 1 until string.match(redis.call('HGET', ring, number), '^%S+ (.*)$') == name
    else
      nextReply = nextReply + 1
    end
    redis.call('HSET', ring, name, ARGV[at + 3], string.format('%d', number), ARGV[at + 2] .. ' ' .. name)
    if isNoting then redis.call('ZADD', P .. 'nr:' .. session, ARGV[at + 2], name) end
    at = at + 4
  elseif op == 'e' then
    local isNew = redis.call('ZADD', P .. 'o:' .. suffix, 'NX', nextEffect, name)
    nextEffect, effects = nextEffect + isNew, effects + isNew
    redis.call('HSET', P .. 'e:' .. suffix, name, ARGV[at + 2])
    if isNoting then redis.call('ZADD', P .. 'nx:' .. session, redis.call('ZSCORE', P .. 'o:' .. suffix, name), name) end
    at = at + 3
  elseif op == 'm' or op == 'u' then
    -- How far a sender's deliveries have got; taken away only while it still says so.
    local M, wanted = P .. 'm:' .. suffix, ARGV[at + 2]
    if op == 'm' then redis.call('HSET', M, name, wanted)
    elseif string.sub(redis.call('HGET', M, name) or '', 1, #wanted) == wanted then redis.call('HDEL', M, name) end
    if isNoting then redis.call('ZADD', P .. 'nm:' .. session, 0, name) end
    at = at + 3
  else
    if isNoting then redis.call('ZADD', P .. 'nx:' .. session, redis.call('ZSCORE', P .. 'o:' .. suffix, name) or -1, name) end
    effects = effects - redis.call('ZREM', P .. 'o:' .. suffix, name)
    redis.call('HDEL', P .. 'e:' .. suffix, name)
    at = at + 2
  end
end
