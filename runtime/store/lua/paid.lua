-- An owed message was acknowledged: the debt is struck out.
--@include verb
if slot then
  local paid = command.owed
  local function isOwed(row) return not (row.to == paid.to and row.kind == paid.kind and row.epoch <= paid.epoch) end
  slot.owed = filtered(slot.owed, isOwed)
  save(slot)
end
return reply({kind = 'paid'})
