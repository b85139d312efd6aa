-- Step 3: the source stops serving and answers what the target still lacks. The pause begins.
--@include verb
local function refused(reason)
  return {'{"kind":"refused","reason":"' .. reason .. '"' .. (slot and ',"slot":' .. describe(slot) or '') .. '}'}
end

local function departed(isRepeat)
  local isDelta = slot.copying == command.attempt
  local passport = '{"session":' .. cjson.encode(session) .. ',"function":' .. cjson.encode(slot['function'])
    .. ',"functions":' .. slot.functions .. ',"home":' .. cjson.encode(slot.home) .. ',"version":' .. number(slot.version)
    .. ',"incarnation":' .. cjson.encode(slot.incarnation) .. ',"knownBy":' .. slot.knownBy .. ',"ttlMs":' .. number(slot.ttlMs)
    .. ',"createdAtMs":' .. number(slot.createdAtMs) .. ',"lastAccessAtMs":' .. number(slot.lastAccessAtMs) .. '}'
  local text = '{"kind":"departed","repeat":' .. tostring(isRepeat) .. ',"delta":' .. tostring(isDelta) .. ',"passport":' .. passport .. '}'
  local space, firstReply, nextReply = slot.space, slot.firstReply, slot.nextReply
  --@include content
  if isDelta then return {text, mapNames(item, notedNames())} end
  return {text, mapNames(item, allNames())}
end

if command.to == '' or command.to == node then return refused('name') end
if slot and slot.state == 'leaving' then
  local isSame = slot.leaving.to == command.to and slot.leaving.attempt == command.attempt
  if not isSame then return {reply({kind = 'busy'})} end
  return departed(true)
end
if slot and slot.arriving then return {reply({kind = 'busy'})} end
if not slot or slot.state ~= 'resident' then return refused('state') end
if slot.incarnation ~= command.incarnation then return {reply({kind = 'conflict', incarnation = slot.incarnation})} end
if slot.epoch ~= command.epoch - 1 then return refused('epoch') end
local untilMs = leasedUntil(slot)
if untilMs then return {reply({kind = 'leased', untilMs = untilMs})} end
slot.lease, slot.state = '', 'leaving'
slot.leaving = {to = command.to, epoch = command.epoch, attempt = command.attempt}
saveState(slot)
return departed(false)
