package recovery

import (
	"math"
	"slices"
	"sort"
	"time"
)

// Limits bound what a log keeps.
type Limits struct {
	MaxAge      time.Duration // of packets and of sessions without a client
	MaxPackets  int
	MaxBytes    int // each packet counts with PacketCost and its size
	MaxSessions int // without a client
}

// PacketCost is what a kept packet costs in bytes beside its payload.
const PacketCost = 256

// Hooks are what a log asks of its caller. They are called with the caller's
// lock held.
type Hooks[P any] struct {
	// Retain returns the payload with one more reference, Release gives one up.
	Retain  func(P) P
	Release func(P)
	// Room is called when less is held for histories than when Round reported
	// Full.
	Room func()
	// Idle is called when the last client has caught up or given up.
	Idle func()
}

// Stats are the figures of a log.
type Stats struct {
	// Packets, Bytes and Sessions are what is kept now.
	Packets, Bytes, Sessions int
	// Recovered is how many sockets came back, Failed how many clients asked
	// and did not get their session, Replayed how many packets were sent again.
	Recovered, Failed, Replayed uint64
	// Gaps is how many of Failed had a session, but not all that they missed is
	// kept.
	Gaps uint64
	// Evicted is how many packets and sessions a limit cost, Expired how many
	// sessions ended for good, by a limit or by time.
	Evicted, Expired uint64
	// Unordered is how many packets were sent before they had an offset.
	Unordered uint64
}

// Packet is a packet and its recipients: the union of Rooms, or all sockets
// when there are none, minus those in Except.
type Packet[P any] struct {
	Payload       P
	Size          int // bytes of the payload
	Rooms, Except []string
}

// kept is a packet in the log.
type kept[P any] struct {
	Packet[P]
	offset Offset
	at     time.Duration // when it was kept: offsets may be of other clocks
}

func (p *Packet[P]) cost() int { return PacketCost + p.Size }

// Log is the recovery state of one namespace. S is a socket, P a packet's
// payload. It is not safe for concurrent use: see the package comment.
type Log[S, P any] struct {
	limits Limits
	budget *Budget
	hooks  Hooks[P]
	stats  Stats

	last    Offset // of the newest packet
	dropped Offset // of the newest packet that is no longer kept
	first   uint64 // position of the oldest packet kept
	packets []kept[P]
	head    int // index of the oldest in packets
	bytes   int

	// sessions has those with a client and those that wait for one, by pid. A
	// map's hashes are seeded, so the time of a search says nothing of other
	// pids.
	sessions map[string]*Session[S, P]
	lost     lostList[S, P]

	closed     bool
	early      []early[P] // oldest first
	earlyBytes int
	earlyID    uint64 // of the last one

	since      Offset // see SetSince
	sinceKnown bool
	catching   []*Catching[S, P] // clients for which histories are read
	returning  []*History[S, P]  // in the order of what they need
	held       int               // bytes of histories
	full       bool              // Round reported Full since Room was called
	pages      uint64            // of histories, except the last ones
}

// New returns an empty log. It keeps what its limits and the budget allow.
func New[S, P any](limits Limits, budget *Budget, hooks Hooks[P]) *Log[S, P] {
	l := &Log[S, P]{limits: limits, budget: budget, hooks: hooks, sessions: make(map[string]*Session[S, P])}
	l.lost.init()
	return l
}

// Stats returns the log's figures.
func (l *Log[S, P]) Stats() Stats {
	st := l.stats
	st.Packets, st.Bytes, st.Sessions = len(l.kept()), l.bytes, l.lost.count
	return st
}

// CountFailed counts a client that asked for a session and does not get it.
func (l *Log[S, P]) CountFailed() { l.stats.Failed++ }

// kept returns the packets in the log, from position l.first on.
func (l *Log[S, P]) kept() []kept[P] { return l.packets[l.head:] }

// next is the position of the next packet.
func (l *Log[S, P]) next() uint64 { return l.first + uint64(len(l.packets)-l.head) }

// Last is the offset of the newest packet.
func (l *Log[S, P]) Last() Offset { return l.last }

// Keep gives a packet the next position. o must be greater than [Log.Last]. The
// log takes over the reference to the payload, and evicts what exceeds the
// limits, the packet itself if it alone does.
func (l *Log[S, P]) Keep(now time.Duration, o Offset, p Packet[P]) {
	l.last = o
	if l.closed {
		l.hooks.Release(p.Payload)
		l.dropped = o
		return
	}
	if l.head > 64 && l.head > len(l.packets)/2 {
		n := copy(l.packets, l.packets[l.head:])
		clear(l.packets[n:])
		l.packets, l.head = l.packets[:n], 0
	}
	l.packets = append(l.packets, kept[P]{Packet: p, offset: o, at: now})
	l.bytes += p.cost()
	l.budget.bytes.Add(int64(p.cost()))
	l.evict()
}

// Place is Keep at the offset that the adapter gave the packet. When that is
// not greater than Last, the adapter has started over, and what was kept before
// means nothing any more.
func (l *Log[S, P]) Place(now time.Duration, o Offset, p Packet[P]) {
	if o.Compare(l.last) <= 0 {
		for len(l.kept()) > 0 {
			l.dropOldest()
		}
		l.dropped = o.previous()
	}
	l.Keep(now, o, p)
}

// evict drops what exceeds the limits. What returning clients need stays,
// unless that is returnBytes more, or exceeds the budget.
func (l *Log[S, P]) evict() {
	for len(l.kept()) > 0 && (len(l.kept()) > l.limits.MaxPackets || l.bytes > l.budget.bytesFor(l.limits.MaxBytes)) {
		if l.needed() && l.bytes <= l.budget.bytesFor((1+returnBytes)*l.limits.MaxBytes) {
			return
		}
		l.dropOldest()
		l.stats.Evicted++
	}
}

func (l *Log[S, P]) dropOldest() {
	k := &l.packets[l.head]
	l.hooks.Release(k.Payload)
	l.bytes -= k.cost()
	l.budget.bytes.Add(-int64(k.cost()))
	l.dropped = k.offset
	*k = kept[P]{}
	l.head++
	l.first++
}

// position returns the position of the packet with the offset. When found is
// false it is that of the first packet behind the offset.
func (l *Log[S, P]) position(o Offset) (pos uint64, found bool) {
	list := l.kept()
	i, found := sort.Find(len(list), func(i int) int { return o.Compare(list[i].offset) })
	return l.first + uint64(i), found
}

// Knows reports whether the packet with the offset is kept here.
func (l *Log[S, P]) Knows(o Offset) bool {
	_, found := l.position(o)
	return found
}

// after is the position of the first packet behind an offset.
func (l *Log[S, P]) after(o Offset) uint64 {
	pos, found := l.position(o)
	if found {
		pos++
	}
	return pos
}

// missed appends the payloads from a position on that were for the session,
// each with a reference for the caller.
func (l *Log[S, P]) missed(list []P, ses *Session[S, P], from uint64) []P {
	in := ses.roomTest()
	for i, packets := from-l.first, l.kept(); i < uint64(len(packets)); i++ {
		if k := &packets[i]; ses.wants(&k.Packet, l.first+i, in) {
			list = append(list, l.hooks.Retain(k.Payload))
		}
	}
	return list
}

// Sweep drops the packets that are older than MaxAge, and ends the sessions
// that have waited longer for a client, which it returns, oldest first.
func (l *Log[S, P]) Sweep(now time.Duration) (ended []*Session[S, P]) {
	for len(l.kept()) > 0 && now-l.kept()[0].at > l.limits.MaxAge && !l.needed() {
		l.dropOldest()
	}
	for ses := l.lost.oldest(); ses != nil && now-ses.lostAt > l.limits.MaxAge; ses = l.lost.oldest() {
		l.unlist(ses)
		l.End(ses)
		ended = append(ended, ses)
	}
	return ended
}

// Wait is how long to wait before the next Sweep: sessions end in time, packets
// may stay a little longer. It is at least a millisecond. ok is false when
// there is nothing to wait for.
func (l *Log[S, P]) Wait(now time.Duration) (wait time.Duration, ok bool) {
	life := l.limits.MaxAge
	wait = life
	packets, oldest := l.kept(), l.lost.oldest()
	if len(packets) > 0 {
		wait = max(packets[0].at+life-now, life/16)
	}
	if oldest != nil {
		wait = min(wait, oldest.lostAt+life-now)
	}
	return max(wait, 0) + time.Millisecond, len(packets) > 0 || oldest != nil
}

// early is a packet that was sent before it has an offset.
type early[P any] struct {
	id uint64
	Packet[P]
}

// Anticipate remembers a packet that is sent before its offset is known, and
// takes over the reference to the payload. The result is for Settle. The oldest
// beyond MaxPackets and MaxBytes are forgotten; these limits are apart from
// those of the log. So packets that never get an offset do not accumulate.
func (l *Log[S, P]) Anticipate(p Packet[P]) (id uint64) {
	l.stats.Unordered++
	l.earlyID++
	if l.closed {
		l.hooks.Release(p.Payload)
		return l.earlyID
	}
	l.early = append(l.early, early[P]{l.earlyID, p})
	l.earlyBytes += p.cost()
	l.budget.bytes.Add(int64(p.cost()))
	for len(l.early) > 0 && (len(l.early) > l.limits.MaxPackets || l.earlyBytes > l.budget.bytesFor(l.limits.MaxBytes)) {
		l.forgetEarly(0)
		l.stats.Evicted++
	}
	return l.earlyID
}

// Settle forgets an anticipated packet: it has an offset now, and is in the
// log.
func (l *Log[S, P]) Settle(id uint64) {
	if i := slices.IndexFunc(l.early, func(e early[P]) bool { return e.id == id }); i >= 0 {
		l.forgetEarly(i)
	}
}

func (l *Log[S, P]) forgetEarly(i int) {
	l.earlyBytes -= l.early[i].cost()
	l.budget.bytes.Add(-int64(l.early[i].cost()))
	l.hooks.Release(l.early[i].Payload)
	l.early = slices.Delete(l.early, i, i+1)
}

// Close has the log keep nothing any more, not even what it is given later. It
// returns the sessions that waited for a client. Offsets go on, because what is
// sent still needs them.
func (l *Log[S, P]) Close() (lost []*Session[S, P]) {
	l.closed = true
	for len(l.kept()) > 0 {
		l.dropOldest()
	}
	for len(l.early) > 0 {
		l.forgetEarly(0)
	}
	for ses := l.lost.oldest(); ses != nil; ses = l.lost.oldest() {
		l.unlist(ses)
		lost = append(lost, ses)
	}
	return lost
}

// anticipated appends the payloads for a session that were sent before they
// have an offset, each with a reference for the caller.
func (l *Log[S, P]) anticipated(list []P, ses *Session[S, P]) []P {
	if len(l.early) == 0 {
		return list
	}
	in, now := ses.roomTest(), l.next()
	for i := range l.early {
		if e := &l.early[i]; ses.wants(&e.Packet, now, in) {
			list = append(list, l.hooks.Retain(e.Payload))
		}
	}
	return list
}

// SetSince says behind which offset this server was given every packet of the
// adapter; known is false when that is not known.
func (l *Log[S, P]) SetSince(o Offset, known bool) { l.since, l.sinceKnown = o, known }

// Start is the offset behind which the log has every packet; ok is false when
// that is not known.
func (l *Log[S, P]) Start() (o Offset, ok bool) {
	o, ok = l.since, l.sinceKnown
	if o.Compare(l.dropped) < 0 {
		o = l.dropped
	}
	return o, ok
}

// Reached is the offset up to which this server's sockets were sent every
// packet.
func (l *Log[S, P]) Reached() Offset {
	o, _ := l.Start()
	if o.Compare(l.last) < 0 {
		return l.last
	}
	return o
}

// forever is a position that no packet gets.
const forever = math.MaxUint64
