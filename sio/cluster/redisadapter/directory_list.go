package redisadapter

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// listScript adds this node to the hash, if it must be announced and no other
// process has its number, and reads a page of entries at a cursor of HSCAN. It
// returns 1 if another process has the number, else 0, the next cursor, the
// number of invalid entries that were removed, and the number and address of
// each other node that is alive. Fields are node numbers, values "<end of life
// in ms> <token> <address>". Times are those of Redis's clock.
var listScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function read(field, value)
  if #field > 8 or #value > tonumber(ARGV[7]) or not string.match(field, '^%d+$') then
    return nil
  end
  local life, token, addr = string.match(value, '^(%d+) (%S+) (%S+)$')
  life = tonumber(life or '')
  if not life or life > now + tonumber(ARGV[8]) then
    return nil
  end
  return life, token, addr
end
local out = {0, '', 0}
if ARGV[6] == '1' then
  local life, token = read(ARGV[1], redis.call('HGET', KEYS[1], ARGV[1]) or '')
  if life and life > now and token ~= ARGV[2] then
    out[1] = 1
  else
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s %s', now + ARGV[4], ARGV[2], ARGV[3]))
    if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
      redis.call('PEXPIRE', KEYS[1], ARGV[4])
    end
  end
end
local page = redis.call('HSCAN', KEYS[1], ARGV[5], 'COUNT', ARGV[9])
out[2] = page[1]
for i = 1, #page[2], 2 do
  local field = page[2][i]
  local life, token, addr = read(field, page[2][i + 1])
  if not life or life <= now then
    redis.call('HDEL', KEYS[1], field)
    if not life then
      out[3] = out[3] + 1
    end
  elseif field ~= ARGV[1] then
    out[#out + 1] = field
    out[#out + 1] = addr
  end
end
return out
`)

// leaveScript removes a node from the hash if its entry is that of this
// process.
var leaveScript = redis.NewScript(`
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value and #value < 1000 and string.match(value, '^%d+ (%S+) ') == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
`)

// run announces the node and reads the list, again and again.
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

// list announces this node and reads the list, page by page. It reports whether
// another process has this node's number.
func (d *Directory) list(ctx context.Context) (taken bool) {
	d.mu.Lock()
	done := d.next
	d.next = make(chan struct{})
	d.stats.Requests++
	d.mu.Unlock()
	defer close(done)

	began, said := time.Now(), time.Time{}
	duplicate := false
	for cursor := ""; cursor != "0"; {
		due := time.Since(said) > d.cfg.Life/3
		if due {
			said = time.Now()
		}
		p, err := d.page(ctx, cursor, due)
		if errors.Is(ctx.Err(), context.Canceled) {
			return false
		}
		d.mu.Lock()
		if err != nil {
			d.noteOutcome(err)
			d.stats.Failures++
			d.mu.Unlock()
			return false
		}
		if cursor == "" {
			d.noteOutcome(nil)
			d.forget(began)
		}
		if p.taken {
			taken = true
			d.stats.Taken++
		}
		d.stats.Skipped += p.skipped
		duplicate = d.learn(p.nodes, began) || duplicate
		cursor = p.cursor
		d.mu.Unlock()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noteDuplicate(duplicate && began.Sub(d.since) > d.cfg.Life)
	return taken
}

// page is a page of the list.
type page struct {
	taken   bool // another process has this node's number
	cursor  string
	skipped uint64
	nodes   []any // numbers and addresses, as strings
}

var errPage = errors.New("redisadapter: malformed answer of the script")

// page reads the page at a cursor; "" is the beginning.
func (d *Directory) page(ctx context.Context, cursor string, say bool) (p page, err error) {
	limited, cancel := context.WithTimeout(ctx, listingTime)
	defer cancel()
	reply, err := listScript.Run(limited, d.client, []string{d.cfg.Key}, d.node, d.token, d.cfg.Addr, d.cfg.Life.Milliseconds(),
		cmp.Or(cursor, "0"), say, maxEntry, maxLife.Milliseconds(), pageCount).Slice()
	if err != nil {
		return p, err
	}
	if len(reply) < 3 {
		return p, errPage
	}
	p.taken, p.nodes = reply[0] == int64(1), reply[3:]
	skipped, _ := reply[2].(int64)
	p.skipped = uint64(skipped)
	if p.cursor, _ = reply[1].(string); p.cursor == "" {
		return p, errPage
	}
	return p, nil
}

// forget drops nodes that were not in Redis for Life. d.mu is held.
func (d *Directory) forget(now time.Time) {
	for node, s := range d.known {
		if now.Sub(s.at) > d.cfg.Life {
			delete(d.known, node)
		}
	}
}

// learn adds the nodes of a page that was read at a time. It reports whether
// one of them has this node's address. d.mu is held.
func (d *Directory) learn(nodes []any, at time.Time) (duplicate bool) {
	for i := 0; i+1 < len(nodes); i += 2 {
		field, _ := nodes[i].(string)
		addr, _ := nodes[i+1].(string)
		number, err := strconv.ParseUint(field, 10, 32)
		if err != nil || number >= maxNode {
			d.stats.Skipped++
			continue
		}
		node := uint32(number)
		if _, known := d.known[node]; !known && len(d.known) >= maxKnown {
			d.stats.Skipped++
			continue
		}
		d.known[node] = seen{addr, at}
		duplicate = duplicate || addr == d.cfg.Addr
	}
	return duplicate
}

// noteDuplicate logs that another process has this node's address. It is not
// called for a killed predecessor, whose entry expires within Life. d.mu is
// held.
func (d *Directory) noteDuplicate(duplicate bool) {
	if duplicate && !d.duplicate {
		d.cfg.Logger.Warn("redisadapter: another node has announced the address of this one; "+
			"requests for one of the two reach the other", "address", d.cfg.Addr)
	}
	d.duplicate = duplicate
}

// noteOutcome notes the outcome of a request and logs changes. d.mu is held.
func (d *Directory) noteOutcome(err error) {
	connected := err == nil
	if connected == d.stats.Connected {
		return
	}
	d.stats.Connected = connected
	if connected {
		d.cfg.Logger.Info("redisadapter: the list of nodes can be read again")
	} else {
		d.cfg.Logger.Warn("redisadapter: the list of nodes can't be read; the known nodes stay valid", "error", err)
	}
}
