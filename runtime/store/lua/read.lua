-- One consistent snapshot without a lease.
local P, now, session = ARGV[1], tonumber(ARGV[3]), ARGV[4]
local slotKey = P .. 's:' .. session
--@include slot
local slot = load()
if not slot then return {} end
if slot.bytes > LIMIT.SMALL_SESSION_BYTES then return {describe(slot), 'large'} end
if slot.state ~= 'resident' and slot.state ~= 'leaving' then return {describe(slot), 'whole', {}} end
return {describe(slot), 'whole', call('HGETALL', spaceKey('d:', slot.space)), call('HGETALL', spaceKey('c:', slot.space))}
