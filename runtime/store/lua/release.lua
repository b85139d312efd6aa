-- Commit: still my lease and my epoch? Then writes, request id with its answer, effects and the lease in one. Takes several at once.
local P, now, at = ARGV[1], ARGV[3], 4
local answers = {}
while at <= #ARGV do
  local session, leaseStart, wantedEpoch, dirty, newTtl, basis, incarnationThen, newKey, count = unpack(ARGV, at, at + 8)
  at = at + 9
  local slotKey = P .. 's:' .. session
  --@read state epoch lease version bytes copying space replies effects nextEffect incarnation ttlMs lastAccessAtMs owed
  local refusal
  if state ~= 'resident' then refusal = 'state'
  elseif epoch ~= wantedEpoch then refusal = 'epoch'
  elseif basis == '' then
    if string.sub(lease, 1, #leaseStart) ~= leaseStart then refusal = 'lease' end
  -- Without a lease: only on just the version that the handler ran on, with nobody in between.
  elseif version ~= basis or incarnation ~= incarnationThen or (lease ~= '' and cjson.decode(lease).untilMs > tonumber(now))
    or (ttlMs ~= '0' and now - lastAccessAtMs > tonumber(ttlMs) and owed == '[]')
    or (newKey ~= '' and replies ~= '0' and redis.call('HEXISTS', P .. 'r:' .. #space .. ':' .. space .. ':' .. session, newKey) == 1) then
    refusal = 'basis'
  end
  if refusal then
    local width = {s = 3, d = 2, a = 4, l = 4, r = 4, e = 3, x = 2}
    for _ = 1, count do at = at + width[ARGV[at]] end
    answers[#answers + 1] = '{"kind":"refused","reason":"' .. refusal .. '"}'
  else
    if dirty == '1' then version = string.format('%.17g', version + 1) end
    if newTtl ~= '' then redis.call('HSET', slotKey, 'ttlMs', newTtl) end
    if count == '0' and replies == '0' then
      redis.call('HSET', slotKey, 'lease', '', 'version', version, 'lastAccessAtMs', now)
    else
      local isNoting, formerReplies, formerEffects, formerNext = copying ~= '', replies, effects, nextEffect
      bytes, replies, effects, nextEffect = tonumber(bytes), tonumber(replies), tonumber(effects), tonumber(nextEffect)
      --@include space
      -- Request ids that are too many or too old are forgotten.
      while replies > 0 do
        local oldest = redis.call('ZRANGE', P .. 'a:' .. suffix, 0, 0, 'WITHSCORES')
        if replies <= LIMIT.MAX_REQUEST_IDS and oldest[2] + LIMIT.REQUEST_ID_KEEP_MS > tonumber(now) then break end
        redis.call('ZREM', P .. 'a:' .. suffix, oldest[1])
        redis.call('HDEL', P .. 'r:' .. suffix, oldest[1])
        replies = replies - 1
      end
      redis.call('HSET', slotKey, 'lease', '', 'version', version, 'lastAccessAtMs', now, 'bytes', bytes)
      if replies ~= tonumber(formerReplies) then redis.call('HSET', slotKey, 'replies', replies) end
      if nextEffect ~= tonumber(formerNext) then redis.call('HSET', slotKey, 'effects', effects, 'nextEffect', nextEffect) end
      if effects > 0 and formerEffects == '0' then redis.call('SADD', P .. 'unfinished', session) end
    end
    answers[#answers + 1] = '{"kind":"committed","version":' .. version .. ',"epoch":' .. epoch .. '}'
  end
end
return answers
