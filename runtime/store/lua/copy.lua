-- Step 2 of a move: from the attempt's first copy on the source notes which keys are written, and goes on serving.
--@include verb
if not slot then return reply({kind = 'refused', reason = 'state'}) end
if slot.state ~= 'resident' then return '{"kind":"refused","reason":"state","slot":' .. describe(slot) .. '}' end
if slot.incarnation ~= command.incarnation then return reply({kind = 'conflict', incarnation = slot.incarnation}) end
if slot.epoch ~= command.epoch - 1 then return '{"kind":"refused","reason":"epoch","slot":' .. describe(slot) .. '}' end
if slot.copying ~= command.attempt then
  clearNotes()
  slot.copying = command.attempt
  save(slot)
end
return replyWith('copying', slot)
