-- Commit: still my lease and my epoch? Then writes, request id with its answer, effects and the lease in one. Takes several at once.
-- Answers the version of each that is committed, else why it is refused.
local P, now, at = ARGV[1], ARGV[3], 4
local answers = {}
while at <= #ARGV do
  local session, leaseStart, wantedEpoch, dirty, newTtl, basis, incarnationThen, newKey, count = unpack(ARGV, at, at + 8)
  at = at + 9
  local slotKey = P .. 's:' .. session
  --@read state epoch lease version bytes copying space firstReply nextReply effects nextEffect incarnation ttlMs lastAccessAtMs owed
  firstReply, nextReply = firstReply or '0', nextReply or '0'
  local refusal, ring, isKnown, oldest
  if state ~= 'resident' then refusal = 'state'
  elseif epoch ~= wantedEpoch then refusal = 'epoch'
  else
    if newKey ~= '' or firstReply ~= nextReply then
      -- Whether the id is known, and which is the oldest of all, in one.
      ring = P .. 'r:' .. #space .. ':' .. space .. ':' .. session
      isKnown, oldest = unpack(redis.call('HMGET', ring, newKey, firstReply))
    end
    if basis == '' then
      if string.sub(lease, 1, #leaseStart) ~= leaseStart then refusal = 'lease' end
    -- Without a lease: only on just the version that the handler ran on, with nobody in between.
    elseif version ~= basis or incarnation ~= incarnationThen or isKnown or (lease ~= '' and cjson.decode(lease).untilMs > tonumber(now))
      or (ttlMs ~= '0' and now - lastAccessAtMs > tonumber(ttlMs) and owed == '[]') then
      refusal = 'basis'
    end
  end
  if refusal then
    local width = {k = 4, s = 3, d = 2, a = 4, l = 4, r = 4, e = 3, x = 2, m = 3, u = 3}
    for _ = 1, count do at = at + width[ARGV[at]] end
    answers[#answers + 1] = refusal
  else
    if dirty == '1' then version = string.format('%d', version + 1) end
    if newTtl ~= '' then redis.call('HSET', slotKey, 'ttlMs', newTtl) end
    if count == '0' and not oldest then
      redis.call('HSET', slotKey, 'lease', '', 'version', version, 'lastAccessAtMs', now)
    else
      local isNoting, freshKey, first, formerEffects, formerNext = copying ~= '', not isKnown and newKey, tonumber(firstReply), effects, nextEffect
      bytes, nextReply, effects, nextEffect = tonumber(bytes), tonumber(nextReply), tonumber(effects), tonumber(nextEffect)
      --@include space
      -- Request ids that are too many or too old are forgotten.
      while first < nextReply do
        oldest = oldest or redis.call('HGET', ring, first)
        local gap = string.find(oldest, ' ', 1, true)
        local isOld = string.sub(oldest, 1, gap - 1) + LIMIT.REQUEST_ID_KEEP_MS <= tonumber(now)
        if nextReply - first <= LIMIT.MAX_REQUEST_IDS and not isOld then break end
        redis.call('HDEL', ring, string.sub(oldest, gap + 1), string.format('%d', first))
        first, oldest = first + 1, nil
        -- Whatever came later is no older.
        if nextReply - first <= LIMIT.MAX_REQUEST_IDS and not isOld then break end
      end
      redis.call('HSET', slotKey, 'lease', '', 'version', version, 'lastAccessAtMs', now, 'bytes', string.format('%d', bytes),
        'firstReply', string.format('%d', first), 'nextReply', string.format('%d', nextReply))
      if nextEffect ~= tonumber(formerNext) then redis.call('HSET', slotKey, 'effects', effects, 'nextEffect', nextEffect) end
      if effects > 0 and formerEffects == '0' then redis.call('SADD', P .. 'unfinished', session) end
    end
    answers[#answers + 1] = tonumber(version)
  end
end
return answers
