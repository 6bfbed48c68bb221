package redis

import (
	"context"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// announce writes a node into the hash, unless another process has its number, and
// returns 1 if so, else 0, and then the number and address of each other node that
// is alive. Fields are numbers, values "<end of life in ms> <token> <address>".
// Redis's own clock counts.
var announce = goredis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
local out = {0}
for i = 1, #all, 2 do
  local life, token, addr = string.match(all[i + 1], '^(%d+) (%S+) (%S+)$')
  if not life or tonumber(life) <= now then
    redis.call('HDEL', KEYS[1], all[i])
  elseif all[i] ~= ARGV[1] then
    out[#out + 1] = all[i]
    out[#out + 1] = addr
  elseif token ~= ARGV[2] then
    out[1] = 1
  end
end
if out[1] == 0 then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s %s', now + ARGV[4], ARGV[2], ARGV[3]))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return out
`)

// leave removes a node from the hash, if it is this process.
var leave = goredis.NewScript(`
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value and string.match(value, '^%d+ (%S+) ') == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
`)

// run keeps the node on the list, and the list fresh.
func (d *Directory) run(ctx context.Context) {
	defer close(d.ended)
	last := time.Now()
	for {
		rest := d.cfg.Life / 3
		if !d.Stats().Connected {
			rest = min(rest, afterFailure)
		}
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
		case <-d.ask:
			timer.Stop()
			if !pause(ctx, min(listingPause, rest)-time.Since(last)) {
				return
			}
		case <-ctx.Done():
			timer.Stop()
			return
		}
		last = time.Now()
		d.list(ctx)
	}
}

// pause waits, and reports false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// list announces this node and takes in who else is there. It reports whether its
// number is taken.
func (d *Directory) list(ctx context.Context) (taken bool) {
	d.mu.Lock()
	done := d.next
	d.next = make(chan struct{})
	d.stats.Requests++
	d.mu.Unlock()
	defer close(done)

	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, listingTime)
	defer cancel()
	reply, err := announce.Run(limited, d.client, []string{d.cfg.Key},
		d.node, d.token, d.cfg.Addr, d.cfg.Life.Milliseconds()).Slice()
	if ctx.Err() != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tell(err)
	if err != nil {
		d.stats.Failures++
		return false
	}
	if len(reply) > 0 && reply[0] == int64(1) {
		taken = true
		d.stats.Taken++
	}
	for node, s := range d.known {
		if began.Sub(s.at) > d.cfg.Life {
			delete(d.known, node)
		}
	}
	twin := false
	for i := 1; i+1 < len(reply) && len(d.known) < maxKnown; i += 2 {
		field, _ := reply[i].(string)
		addr, _ := reply[i+1].(string)
		if node, err := strconv.ParseUint(field, 10, 32); err == nil && node < maxNode {
			d.known[uint32(node)] = seen{addr, began}
			twin = twin || addr == d.cfg.Addr
		}
	}
	d.tellTwin(twin && began.Sub(d.since) > d.cfg.Life)
	return taken
}

// tellTwin logs that another process has this node's address, which is not said of one
// that was here before and was killed: Redis forgets it within Life. The caller holds mu.
func (d *Directory) tellTwin(twin bool) {
	if twin && !d.twin {
		d.cfg.Logger.Warn("redis: another node says that it is at the address of this one; "+
			"clients of one of them don't reach it through others", "address", d.cfg.Addr)
	}
	d.twin = twin
}

// tell logs that Redis is away, or back. The caller holds mu.
func (d *Directory) tell(err error) {
	connected := err == nil
	if connected == d.stats.Connected {
		return
	}
	d.stats.Connected = connected
	if connected {
		d.cfg.Logger.Info("redis: the list of nodes is there again")
	} else {
		d.cfg.Logger.Warn("redis: the list of nodes can't be read; known nodes stay known", "error", err)
	}
}
