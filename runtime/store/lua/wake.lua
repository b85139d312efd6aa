-- The node starts: what was to arrive is dropped, and what has to be gone on with is said.
--@include verb
local answer = {kind = 'woken', asks = false, owes = false, delivers = false}
if slot then
  answer.asks, answer.owes, answer.delivers = slot.state == 'leaving', slot.owed ~= '[]', slot.state == 'resident'
  if slot.arriving then dropArriving(slot) end
end
return reply(answer)
