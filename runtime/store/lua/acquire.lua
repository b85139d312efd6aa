-- Look up, dedupe, lease: the first of the two commands that a stateful call costs. Takes several sessions at once.
local P, node, now = ARGV[1], ARGV[2], ARGV[3]

local function acquire(at)
  local session, creator, functionJson, newLease, knownVersion, knownEpoch, knownIncarnation, requestKey, digest, home, revive, create, lanes =
    unpack(ARGV, at, at + 12)
  local slotKey = P .. 's:' .. session
  --@read state epoch incarnation version lease ttlMs lastAccessAtMs bytes space functions rest

  if state == 'resident' then
    local answer, blob
    if requestKey ~= '' then
      blob = redis.call('HGET', P .. 'r:' .. #space .. ':' .. space .. ':' .. session, requestKey)
      if blob then
        local size = struct.unpack('>I2', blob, 10)
        if string.sub(blob, 12, 11 + size) ~= digest then answer = 'replay-mismatch'
        else answer = string.byte(blob, 9) == 1 and 'replay' or 'replay-too-large' end
      end
    end
    if not answer then
      if lease ~= '' then
        -- A lease counts while it has time left and its owner still lives the life that took it.
        local held, wanted = cjson.decode(lease), cjson.decode(newLease)
        if held.untilMs > tonumber(now) and not (held.owner == wanted.owner and held.boot ~= wanted.boot) then
          return {cjson.encode({kind = 'busy', untilMs = held.untilMs})}
        end
      end
      if ttlMs ~= '0' and revive == '' and now - lastAccessAtMs > tonumber(ttlMs) and redis.call('HGET', slotKey, 'owed') == '[]' then
        return {cjson.encode({kind = 'expired', home = cjson.decode(rest).home})}
      end
      lease, lastAccessAtMs = newLease, now
      redis.call('HSET', slotKey, 'lease', lease, 'lastAccessAtMs', now)
      if not string.find(functions, functionJson, 1, true) and #cjson.decode(functions) < LIMIT.MAX_FUNCTIONS_PER_SESSION then
        local more = string.sub(functions, 1, -2) .. ',' .. functionJson .. ']'
        rest = string.sub(rest, 1, -2 - #functions) .. more .. '}'
        redis.call('HSET', slotKey, 'functions', more, 'rest', rest)
      end
    end
    local text = '{"kind":"' .. (answer and answer .. '"' or 'granted","created":false') .. ',"slot":' .. string.sub(rest, 1, -2)
      .. ',"version":' .. version .. ',"ttlMs":' .. ttlMs .. ',"lastAccessAtMs":' .. lastAccessAtMs .. ',"bytes":' .. bytes
      .. (lease == '' and '}}' or ',"lease":' .. lease .. '}}')
    if answer then return {text, answer == 'replay' and blob or nil} end
    local marks
    if lanes ~= '' then
      -- How far the sender of a delivery has got, behind how many lanes there are.
      local M = P .. 'm:' .. #space .. ':' .. space .. ':' .. session
      marks = redis.call('HMGET', M, unpack(cjson.decode(lanes)))
      table.insert(marks, 1, redis.call('HLEN', M))
    end
    if version == knownVersion and epoch == knownEpoch and incarnation == knownIncarnation then return {text, 'same', false, false, marks} end
    if tonumber(bytes) > LIMIT.SMALL_SESSION_BYTES then return {text, 'large', false, false, marks} end
    local suffix = #space .. ':' .. space .. ':' .. session
    local cells = redis.call('HGETALL', P .. 'd:' .. suffix)
    for i = 2, #cells, 2 do
      if string.byte(cells[i]) == 99 then return {text, 'whole', cells, redis.call('HGETALL', P .. 'c:' .. suffix), marks} end
    end
    return {text, 'whole', cells, false, marks}
  end

  local now = tonumber(now)
  --@include slot
  local slot = load()
  local arriving = slot and slot.arriving
  if arriving then
    if arriving.departing then return {reply({kind = 'hold'})} end
    return {reply({kind = 'moved', to = arriving.from, home = slot.home, epoch = arriving.epoch - 1})}
  end
  if state == 'leaving' then return {reply({kind = 'hold'})} end
  if state == 'remote' then return {reply({kind = 'moved', to = slot.current, home = slot.home, epoch = slot.epoch})} end
  if home ~= '' and home ~= '=' .. node then return {reply({kind = 'astray', home = string.sub(home, 2)})} end
  local floor = slot and slot.epoch or 0
  if create == '' then return {reply({kind = 'absent', epoch = floor})} end
  -- Its lists are text within the text, because an empty one would not survive decoding.
  local wanted = cjson.decode(create)
  local born = blank(creator)
  born.functions, born.home, born.current, born.state = '[' .. functionJson .. ']', node, node, 'resident'
  born.epoch, born.incarnation, born.ttlMs = math.max(floor, wanted.epoch), wanted.incarnation, wanted.ttlMs
  born.knownBy = wanted.knownBy
  born.owed = joined(slot and filtered(slot.owed, function(row) return row.kind ~= 'gone' end) or '[]', wanted.owed)
  born.lease = newLease
  if slot then wipe(slot) end
  save(born)
  return {'{"kind":"granted","created":true,"slot":' .. describe(born) .. '}', 'whole', {}}
end

local answers = {}
for at = 4, #ARGV, 13 do answers[#answers + 1] = acquire(at) end
return answers
