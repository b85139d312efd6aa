-- Commit: still my lease and my epoch? Then writes, request id with its answer, effects and the lease in one. Takes several at once.
local P, nowText, now = ARGV[1], ARGV[3], tonumber(ARGV[3])
local at = 4

-- Leaves `at` behind the changes, whether or not they are applied.
local function skip(count)
  local width = {s = 3, d = 2, a = 4, l = 4, r = 4, e = 3, x = 2}
  for _ = 1, count do at = at + width[ARGV[at]] end
end

local function release()
  local session, leaseStart, wantedEpoch, dirty, newTtl, count = unpack(ARGV, at, at + 5)
  at = at + 6
  count = tonumber(count)
  local slotKey = P .. 's:' .. session
  --@read state epoch lease version ttlMs bytes copying space replies effects nextEffect
  local refusal
  if state ~= 'resident' then refusal = 'state'
  elseif epoch ~= wantedEpoch then refusal = 'epoch'
  elseif string.sub(lease, 1, #leaseStart) ~= leaseStart then refusal = 'lease' end
  if refusal then
    skip(count)
    return '{"kind":"refused","reason":"' .. refusal .. '"}'
  end
  if dirty == '1' then version = string.format('%.17g', version + 1) end
  if newTtl == '' then newTtl = ttlMs end
  if count == 0 and replies == '0' then
    redis.call('HSET', slotKey, 'lease', '', 'version', version, 'ttlMs', newTtl, 'lastAccessAtMs', nowText)
  else
    local isNoting = copying ~= ''
    local hadEffects = effects ~= '0'
    bytes, replies, effects, nextEffect = tonumber(bytes), tonumber(replies), tonumber(effects), tonumber(nextEffect)
    --@include space
    at = apply(at, count)
    evict()
    redis.call('HSET', slotKey, 'lease', '', 'version', version, 'ttlMs', newTtl, 'lastAccessAtMs', nowText,
      'bytes', bytes, 'replies', replies, 'effects', effects, 'nextEffect', nextEffect)
    if effects > 0 and not hadEffects then redis.call('SADD', P .. 'unfinished', session) end
  end
  return '{"kind":"committed","version":' .. version .. ',"epoch":' .. epoch .. '}'
end

local answers = {}
while at <= #ARGV do answers[#answers + 1] = release() end
return answers
