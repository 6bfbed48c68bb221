package ratelimit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Entry is what a Table keeps of a range of addresses.
type Entry struct {
	First, Second Bucket
	Held          int // what the addresses have open; an entry that holds something stays

	key          [16]byte
	older, newer *Entry // among those that hold nothing
}

// owes is when both buckets are full.
func (e *Entry) owes() Bucket { return max(e.First, e.Second) }

// Table has an entry for each range of addresses of which it must know
// something: which hold something, or have taken tokens. Of those that hold
// nothing it keeps a bounded number. When there are more, it forgets one of
// which little is lost: a full one among the oldest, otherwise the one of these
// that will be full first. So an address that is new is never refused because
// of others, and one that was forgotten begins with full buckets. Safe for
// concurrent use.
type Table struct {
	bits4, bits6 int
	most         int // entries that hold nothing, in each shard
	seed         maphash.Seed
	shards       [shards]shard
	size         atomic.Int64
	forgotten    atomic.Uint64
}

const (
	shards = 16
	// looks is how many of the oldest entries are considered when one has to
	// go.
	looks = 8
)

// shard is the part of a Table with its own lock.
type shard struct {
	mu             sync.Mutex
	entries        map[[16]byte]*Entry
	oldest, newest *Entry // of those that hold nothing
	idle           int    // how many these are
}

// NewTable returns a table for ranges of addresses that have bits4 and bits6
// bits in common, which keeps about most of them beside those that hold
// something.
func NewTable(bits4, bits6, most int) *Table {
	t := &Table{bits4: bits4, bits6: bits6, most: max(most/shards, 1), seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].entries = make(map[[16]byte]*Entry)
	}
	return t
}

// Do calls f with the entry of addr, under a lock. Nothing is kept of an entry
// whose buckets are full at now and that holds nothing.
func (t *Table) Do(addr netip.Addr, now int64, f func(e *Entry)) {
	key := t.key(addr)
	s := &t.shards[maphash.Bytes(t.seed, key[:])%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	known := e != nil
	if !known {
		e = &Entry{key: key}
	} else if e.Held == 0 {
		s.unlink(e)
	}
	f(e)
	if e.Held == 0 && e.owes().Full(now) {
		if known {
			delete(s.entries, key)
			t.size.Add(-1)
		}
		return
	}
	if !known {
		s.entries[key] = e
		t.size.Add(1)
	}
	if e.Held == 0 {
		s.link(e)
		if s.idle > t.most {
			t.forget(s, now)
		}
	}
}

// Len returns the number of entries.
func (t *Table) Len() int { return int(t.size.Load()) }

// Forgotten returns how many entries had to go before their buckets were full.
func (t *Table) Forgotten() uint64 { return t.forgotten.Load() }

// key returns the first address of the range that addr is in.
func (t *Table) key(addr netip.Addr) [16]byte {
	addr = addr.Unmap()
	bits := t.bits6
	if addr.Is4() {
		bits = t.bits4
	}
	if p, err := addr.Prefix(bits); err == nil {
		addr = p.Addr()
	}
	return addr.As16()
}

// forget removes one of the oldest entries that hold nothing.
func (t *Table) forget(s *shard, now int64) {
	victim := s.oldest
	for e, n := s.oldest, 0; e != nil && n < looks && !victim.owes().Full(now); e, n = e.newer, n+1 {
		if e.owes() < victim.owes() {
			victim = e
		}
	}
	if !victim.owes().Full(now) {
		t.forgotten.Add(1)
	}
	s.unlink(victim)
	delete(s.entries, victim.key)
	t.size.Add(-1)
}

func (s *shard) link(e *Entry) {
	e.older, e.newer = s.newest, nil
	if s.newest != nil {
		s.newest.newer = e
	} else {
		s.oldest = e
	}
	s.newest = e
	s.idle++
}

func (s *shard) unlink(e *Entry) {
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		s.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		s.newest = e.older
	}
	e.older, e.newer = nil, nil
	s.idle--
}
