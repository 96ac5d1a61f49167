"""The Lua scripts of the queue: each is one atomic step. Keys of a shard share one hash slot."""

SHARD = "{q0}"
GROUP = "converters"
INDEX = f"{SHARD}:index"
DELAY = f"{SHARD}:delay"
EPOCH = f"{SHARD}:epoch"
LIFE = f"{SHARD}:life"
DEAD = f"{SHARD}:dead"
DEAD_DETAILS = f"{SHARD}:dead:details"
CONVERTERS = f"{SHARD}:converters"
WITHDRAWN = "wavemill:withdrawn"
ARRIVED = "wavemill:arrived"

# stream, index | job → id, or false where the job is queued already
ENQUEUE = """
if redis.call('HGET', KEYS[2], ARGV[1]) then return false end
local id = redis.call('XADD', KEYS[1], '*', 'j', ARGV[1], 'v', '1')
redis.call('HSET', KEYS[2], ARGV[1], id)
return id
"""

# life, epoch | life → 1 where it still is this life
SET_EPOCH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
return 1
"""

# stream | group, consumer, id... → the ids that this consumer no longer owns
# XCLAIM alone would take an entry from its new owner: ask XPENDING who owns it first.
RENEW = """
local lost = {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local ok, mine = pcall(redis.call, 'XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])
  if ok and type(mine) == 'table' and not mine.err and #mine > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
  else
    lost[#lost + 1] = id
  end
end
return lost
"""

# stream, index | group, id, job
FINISH = """
pcall(redis.call, 'XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
if redis.call('HGET', KEYS[2], ARGV[3]) == ARGV[2] then redis.call('HDEL', KEYS[2], ARGV[3]) end
return 1
"""

# stream, index | group, id, job, consumer → 1 where the consumer held the entry
DISCARD = """
local ok, mine = pcall(redis.call, 'XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1, ARGV[4])
if not ok or type(mine) ~= 'table' or mine.err or #mine == 0 then return 0 end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
if redis.call('HGET', KEYS[2], ARGV[3]) == ARGV[2] then redis.call('HDEL', KEYS[2], ARGV[3]) end
return 1
"""

# index, stream, delay | group, job, delayed member, channel → 1 where the job was queued
# The channel tells converters to look at once; a lost message costs them until the next renewal.
WITHDRAW = """
local id = redis.call('HGET', KEYS[1], ARGV[2])
if id then
  pcall(redis.call, 'XACK', KEYS[2], ARGV[1], id)
  redis.call('XDEL', KEYS[2], id)
  redis.call('HDEL', KEYS[1], ARGV[2])
end
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[2])
return id and 1 or 0
"""

# stream | group, consumer → 1 where the consumer is gone, 0 where it still owns entries
DROP_CONSUMER = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
"""

# stream | group, consumer → how many of its entries anyone may claim now
RELEASE_CONSUMER = """
local freed = 0
for _, entry in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1000, ARGV[2])) do
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry[1], 'IDLE', 3600000, 'JUSTID')
  freed = freed + 1
end
return freed
"""

# delay | lane|job, seconds → when it is due; by the server's clock, which all share
DELAY_JOB = """
local now = redis.call('TIME')
local due = now[1] + now[2] / 1000000 + ARGV[2]
redis.call('ZADD', KEYS[1], due, ARGV[1])
return tostring(due)
"""

# delay, index, stream of lane 0, of lane 1, ... | limit → how many jobs went to their streams
PROMOTE = """
local now = redis.call('TIME')
local ready = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now[1] + now[2] / 1000000,
                         'LIMIT', 0, ARGV[1])
for _, member in ipairs(ready) do
  redis.call('ZREM', KEYS[1], member)
  local lane, job = string.match(member, '^(%d+)|(.+)$')
  if job and not redis.call('HGET', KEYS[2], job) then
    local id = redis.call('XADD', KEYS[3 + lane], '*', 'j', job, 'v', '1')
    redis.call('HSET', KEYS[2], job, id)
  end
end
return #ready
"""

# index, stream | group, job, limit → how many are served before it; false where it is not queued
POSITION = """
local id = redis.call('HGET', KEYS[1], ARGV[2])
if not id then return false end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
  local about = {}
  for i = 1, #group, 2 do about[group[i]] = group[i + 1] end
  if about['name'] == ARGV[1] then
    local last = about['last-delivered-id']
    return #redis.call('XRANGE', KEYS[2], '(' .. last, id, 'COUNT', ARGV[3])
  end
end
return false
"""

# converters, details | name, JSON, TTL → 1; forgets who was not seen for the TTL
ANNOUNCE = """
local now = tonumber(redis.call('TIME')[1])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])) do
  redis.call('ZREM', KEYS[1], name)
  redis.call('HDEL', KEYS[2], name)
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
"""

# converters, details | TTL → the JSON of each that was seen within the TTL
ALIVE = """
local now = tonumber(redis.call('TIME')[1])
local names = redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], '+inf')
local found = {}
for i, name in ipairs(names) do found[i] = redis.call('HGET', KEYS[2], name) end
return found
"""

# dead, details | job, JSON, limit → how many there are; the oldest beyond the limit are forgotten
BURY = """
local now = redis.call('TIME')
redis.call('ZADD', KEYS[1], now[1] + now[2] / 1000000, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, job in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1 - ARGV[3])) do
  redis.call('ZREM', KEYS[1], job)
  redis.call('HDEL', KEYS[2], job)
end
return redis.call('ZCARD', KEYS[1])
"""

# dead, details | job → 1 where there was a letter
UNDEAD = """
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
"""

# dead, details | limit → job, time, JSON (or false) of each, the newest first
LIST_DEAD = """
local found = {}
local rows = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #rows, 2 do
  found[#found + 1] = {rows[i], rows[i + 1], redis.call('HGET', KEYS[2], rows[i])}
end
return found
"""
