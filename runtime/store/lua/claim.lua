-- An ancestor indexes a session homed below it as a stub that points to its home.
--@include verb
local function index(epoch)
  slot = slot or blank(command['function'])
  slot.state, slot.home, slot.current, slot.incarnation = 'remote', command.home, command.home, command.incarnation
  slot.epoch = math.max(slot.epoch, command.epoch)
  slot['function'], slot.functions = command['function'], cjson.encode({command['function']})
  save(slot)
  return reply({kind = 'claimed', epoch = epoch})
end

if isAbsent(slot) or slot.state == 'tombstone' then
  local epoch = slot and slot.epoch or 0
  if not command.write then return reply({kind = 'unknown', epoch = epoch}) end
  -- A late claim of the life that the tombstone ended: acknowledged, but it must not stand in the next life's way.
  if slot and slot.state == 'tombstone' and slot.incarnation == command.incarnation and command.epoch <= epoch then
    return reply({kind = 'claimed', epoch = epoch})
  end
  return index(epoch)
end
-- Home itself may begin a new life of the id: its tombstone gave it an epoch beyond the old life's.
local isReborn = slot.state == 'remote' and slot.home == command.home and command.epoch > slot.epoch
-- Home that only looks is told that the id is free for it: what is indexed here is its former life.
if isReborn and not command.write then return reply({kind = 'unknown', epoch = slot.epoch}) end
if not command.write or (slot.incarnation ~= command.incarnation and not isReborn) then
  return reply({kind = 'known', home = slot.home, current = slot.current, epoch = slot.epoch, incarnation = slot.incarnation})
end
if slot.state == 'remote' and command.epoch > slot.epoch then return index(command.epoch) end
return reply({kind = 'claimed', epoch = slot.epoch})
