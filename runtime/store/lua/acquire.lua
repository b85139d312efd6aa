-- Look up, dedupe, lease: the first of the two commands that a stateful call costs. Takes several sessions at once.
local P, node, now = ARGV[1], ARGV[2], ARGV[3]

local function acquire(at)
  local session, creator, functionJson, lease, owner, boot = unpack(ARGV, at, at + 5)
  local knownVersion, knownEpoch, knownIncarnation, requestKey, digest, home, create = unpack(ARGV, at + 6, at + 12)
  local slotKey = P .. 's:' .. session
  --@read state epoch incarnation version lease ttlMs lastAccessAtMs bytes space functions owed knownBy rest
  local newLease = ARGV[at + 3]
  local function isFree()
    if lease == '' then return true end
    local held = cjson.decode(lease)
    return held.untilMs <= tonumber(now) or (held.owner == owner and held.boot ~= boot), held.untilMs
  end
  local function described()
    return string.sub(rest, 1, -2) .. ',"version":' .. version .. ',"ttlMs":' .. ttlMs .. ',"lastAccessAtMs":' .. lastAccessAtMs
      .. ',"bytes":' .. bytes .. ',"functions":' .. functions .. ',"owed":' .. owed .. ',"knownBy":' .. knownBy
      .. (lease == '' and '}' or ',"lease":' .. lease .. '}')
  end
  local function seen()
    if requestKey == '' then return nil end
    local blob = redis.call('HGET', P .. 'r:' .. #space .. ':' .. space .. ':' .. session, requestKey)
    if not blob then return nil end
    local size = struct.unpack('>I2', blob, 10)
    local kind = string.sub(blob, 12, 11 + size) ~= digest and 'replay-mismatch' or string.byte(blob, 9) == 1 and 'replay' or 'replay-too-large'
    return {'{"kind":"' .. kind .. '","slot":' .. described() .. '}', kind == 'replay' and blob or nil}
  end
  local function granted(isCreated)
    local text = '{"kind":"granted","created":' .. isCreated .. ',"slot":' .. described() .. '}'
    if version == knownVersion and epoch == knownEpoch and incarnation == knownIncarnation then return {text, 'same'} end
    local size = tonumber(bytes)
    if size > LIMIT.SMALL_SESSION_BYTES then return {text, 'large'} end
    if size == 0 and isCreated == 'true' then return {text, 'whole', {}} end
    local suffix = #space .. ':' .. space .. ':' .. session
    local cells = redis.call('HGETALL', P .. 'd:' .. suffix)
    for i = 2, #cells, 2 do
      if string.byte(cells[i]) == 99 then return {text, 'whole', cells, redis.call('HGETALL', P .. 'c:' .. suffix)} end
    end
    return {text, 'whole', cells}
  end

  if state == 'resident' then
    local answered = seen()
    if answered then return answered end
    local free, untilMs = isFree()
    if not free then return {cjson.encode({kind = 'busy', untilMs = untilMs})} end
    if ttlMs ~= '0' and now - lastAccessAtMs > tonumber(ttlMs) and owed == '[]' then
      return {cjson.encode({kind = 'expired', home = cjson.decode(rest).home})}
    end
    lease, lastAccessAtMs = newLease, now
    if string.find(functions, functionJson, 1, true) or #cjson.decode(functions) >= LIMIT.MAX_FUNCTIONS_PER_SESSION then
      redis.call('HSET', slotKey, 'lease', lease, 'lastAccessAtMs', now)
    else
      functions = string.sub(functions, 1, -2) .. ',' .. functionJson .. ']'
      redis.call('HSET', slotKey, 'lease', lease, 'lastAccessAtMs', now, 'functions', functions)
    end
    return granted('false')
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
  local wanted = cjson.decode(create)
  local born = blank(creator)
  born.functions, born.home, born.current, born.state = '[' .. functionJson .. ']', node, node, 'resident'
  born.epoch, born.incarnation, born.ttlMs = math.max(floor, wanted.epoch), wanted.incarnation, wanted.ttlMs
  born.knownBy = ARGV[at + 13]
  born.owed = joined(slot and filtered(slot.owed, function(row) return row.kind ~= 'gone' end) or '[]', ARGV[at + 14])
  born.lease = newLease
  if slot then wipe(slot) end
  save(born)
  return {'{"kind":"granted","created":true,"slot":' .. describe(born) .. '}', 'whole', {}}
end

local answers = {}
for at = 4, #ARGV, 15 do answers[#answers + 1] = acquire(at) end
return answers
