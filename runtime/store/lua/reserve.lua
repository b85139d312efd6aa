-- Step 1 of a move: the target notes what is to arrive, over what it believed before.
--@include verb
if slot and slot.state == 'resident' then return reply({kind = 'already-here', epoch = slot.epoch}) end
if slot and slot.state == 'leaving' then return reply({kind = 'busy'}) end
-- What a child offers upward, and a new home, lie on the way from home to the root; any other has to show it.
local mayHold = command.course == 'offload' or command.course == 're-home'
if not mayHold and command.way[1] == command.home then
  for _, name in ipairs(command.way) do mayHold = mayHold or name == node end
end
if not mayHold then return reply({kind = 'off-path'}) end
local overlay = slot and slot.arriving
if overlay and overlay.attempt ~= command.attempt and overlay.attempt ~= command.replaces then return reply({kind = 'busy'}) end
if not isAbsent(slot) then
  if slot.epoch >= command.epoch then return reply({kind = 'stale', epoch = slot.epoch, current = slot.current}) end
  if slot.state == 'remote' and slot.incarnation ~= command.incarnation then
    return reply({kind = 'conflict', incarnation = slot.incarnation})
  end
else
  slot = blank(command['function'])
  slot.home, slot.incarnation = command.home, command.incarnation
end
-- The same reservation again must not send requests back to a source that may have stopped serving.
local isDeparting = overlay and overlay.attempt == command.attempt and overlay.epoch == command.epoch and overlay.departing
if overlay and overlay.attempt ~= command.attempt then unstage(overlay.attempt) end
slot.arriving = {
  from = command.from, epoch = command.epoch, attempt = command.attempt, deadlineMs = command.deadlineMs, departing = isDeparting or false,
}
save(slot)
return reply({kind = 'reserved'})
