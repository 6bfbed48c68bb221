package sio

import (
	"context"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// recoveryLog is what a namespace keeps so that clients can come back: the last
// packets in the order of their positions, and the sessions.
//
// # Why nothing is lost or doubled
//
// Everything that a client may have to be sent again gets a position in the log,
// and handing it to the recipients' loops happens under the same lock. So each
// loop, and each socket, gets packets in the order of their positions: what a
// client has received ends with some position, and what it has not received is
// what comes behind and was meant for it.
//
// Rooms are remembered with the positions at which they were joined and left: so
// what was meant for a client can still be told when it has left a room since, or
// joined one. A session is in a room at least as long as its socket.
//
// Coming back takes the lock once: what was missed is collected and the socket
// becomes a member of its rooms. Whatever is emitted later reaches it as a
// member, behind what was missed, as both go through its loop.
//
// A client may be lost again before it has got everything, and come back with a
// position within that: the session remembers rooms from its first connection on.
// It may come back before the server has noticed that it was gone: then it waits a
// moment (see await). A pid whose client is really there is not given away.
//
// With an adapter that is a Recoverer positions and sessions are the cluster's: see
// recovery_cluster.go.
type recoveryLog struct {
	ns    *Namespace
	cfg   *Recovery
	begun time.Time

	mu       sync.Mutex // taken before the locks of shards and loops, never while another one is held
	last     offset     // of the newest packet
	dropped  offset     // of the newest packet that is not kept any more
	first    uint64     // the position of the oldest packet kept
	packets  []keptPacket
	head     int // index of the oldest in packets
	bytes    int
	sessions map[string]*session // by pid: connected and lost ones
	lost     lostList
	expired  []ExpiredSession // to be told
	timer    *time.Timer      // nil when there is nothing to wait for
	sweeping bool
	stopped  bool
	waiting  []offsetWaiter
	early    []early // sent before their turns, oldest first; only with a Recoverer
	stats    RecoveryStats

	since      offset // what the keeper's Since has returned last
	sinceKnown bool
	catching   []*catching // those for whom histories are read
	rereading  bool
	stopPage   context.CancelFunc // of the page that is read now
	pages      uint64             // of histories, but for last ones
	returning  []*history         // of clients that come back, in the order of what they need
	held       int                // bytes of histories
	room       chan struct{}      // closed when that becomes less; nil when nothing waits for it

	looking   sync.Mutex // taken before mu, held while Since is called
	sinceText string     // guarded by looking

	earlyBytes int
	recoverer  atomic.Pointer[adapter.Recoverer] // nil when the log is this server's alone
}

// keptPacket is a packet and whom it was for: an empty list of rooms is everybody.
type keptPacket struct {
	offset        offset
	message       message
	rooms, except []string
	size          int
	at            time.Duration // since the log has begun: offsets may be of other clocks
}

// packetCost is what a kept packet costs beside its bytes.
const packetCost = 256

func newRecoveryLog(ns *Namespace, cfg *Recovery) *recoveryLog {
	lg := &recoveryLog{ns: ns, cfg: cfg, begun: time.Now(), sessions: make(map[string]*session)}
	lg.lost.init()
	return lg
}

// next is the position of the next packet.
func (lg *recoveryLog) next() uint64 { return lg.first + uint64(len(lg.packets)-lg.head) }

// broadcast completes an event with its offset, keeps it and emits it.
func (lg *recoveryLog) broadcast(o BroadcastOperator, event string, args []any) error {
	d, err := eventDraft(lg.ns, event, args, o.plain)
	if err != nil {
		return err
	}
	lg.broadcastDraft(o, d)
	return nil
}

// broadcastDraft is broadcast for an event that is encoded.
func (lg *recoveryLog) broadcastDraft(o BroadcastOperator, d draft) {
	except := o.except
	if o.self != nil {
		except = append(slices.Clip(except), o.self.ID())
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	m := lg.keep(d, o.rooms, except)
	o.cast(m, nil)
	m.release()
}

// emit is broadcast for one socket, or for who has taken its place since.
func (lg *recoveryLog) emit(s *Socket, event string, args []any, plain bool) error {
	v := s.visit()
	rooms := []string{s.ID()}
	if lg.keeper() != nil {
		if !s.open() && !lg.awaited(v) {
			return ErrDisconnected
		}
		return lg.publish(BroadcastOperator{ns: lg.ns, rooms: rooms, plain: plain}, s, event, args)
	}
	d, err := eventDraft(lg.ns, event, args, plain)
	if err != nil {
		return err
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if !s.open() && (v == nil || lg.sessions[v.session.pid] != v.session) {
		d.drop()
		return ErrDisconnected
	}
	m := lg.keep(d, rooms, nil)
	to := s
	if v != nil && v.session.socket != nil {
		to = v.session.socket
		v = to.visit()
	}
	if !to.open() || v != nil && v.behind {
		m.release() // it is sent when, and if, the client is back
		return nil
	}
	return to.post(m, false)
}

// keep gives a packet its place in the log. The message has a reference for the
// caller.
func (lg *recoveryLog) keep(d draft, rooms, except []string) message {
	now := time.Now()
	var text [24]byte
	o := lg.last.next(uint64(max(now.UnixMilli(), 0)))
	return lg.keepAt(now, o, d.finish(string(o.appendTo(text[:0]))), rooms, except)
}

// keepAt is keep for a complete message whose offset is the log's newest.
func (lg *recoveryLog) keepAt(now time.Time, o offset, m message, rooms, except []string) message {
	lg.last = o
	k := keptPacket{offset: lg.last, message: m.retain(), rooms: rooms, except: except, size: packetCost + m.size(), at: now.Sub(lg.begun)}
	if lg.head > 64 && lg.head > len(lg.packets)/2 {
		n := copy(lg.packets, lg.packets[lg.head:])
		clear(lg.packets[n:])
		lg.packets, lg.head = lg.packets[:n], 0
	}
	lg.packets = append(lg.packets, k)
	lg.bytes += k.size
	lg.evict()
	lg.wake(now)
	return m
}

// evict drops what is more than the limits allow, but nothing that clients that come back
// need, unless that is as much again.
func (lg *recoveryLog) evict() {
	for len(lg.kept()) > lg.cfg.MaxPackets || lg.bytes > lg.cfg.MaxBytes {
		if lg.needed() && lg.bytes <= (1+returnBytes)*lg.cfg.MaxBytes {
			return
		}
		lg.dropOldest()
		lg.stats.Evicted++
	}
}

func (lg *recoveryLog) dropOldest() {
	k := &lg.packets[lg.head]
	k.message.release()
	lg.bytes -= k.size
	lg.dropped = k.offset
	*k = keptPacket{}
	lg.head++
	lg.first++
}

// kept are the packets in the log, from position lg.first on.
func (lg *recoveryLog) kept() []keptPacket { return lg.packets[lg.head:] }

// position is that of the packet with the offset.
func (lg *recoveryLog) position(o offset) (pos uint64, ok bool) {
	kept := lg.kept()
	i, found := sort.Find(len(kept), func(i int) int { return o.compare(kept[i].offset) })
	return lg.first + uint64(i), found
}

// missed returns the packets from a position on that were for the session. Each
// has a reference for the caller.
func (lg *recoveryLog) missed(ses *session, from uint64) (list []message) {
	in := ses.membership()
	for i, kept := from-lg.first, lg.kept(); i < uint64(len(kept)); i++ {
		if k := &kept[i]; ses.wants(k, lg.first+i, in) {
			list = append(list, k.message.retain())
		}
	}
	return list
}

// wake has the timer set for what is to be dropped next. lg.mu is held.
func (lg *recoveryLog) wake(now time.Time) {
	if lg.timer == nil && !lg.stopped {
		lg.timer = time.AfterFunc(lg.wait(now), lg.sweep)
	}
}

// wait is how long to wait until something must be dropped. Sessions end in
// time, packets may stay a little longer.
func (lg *recoveryLog) wait(now time.Time) time.Duration {
	if len(lg.expired) > 0 {
		return 0
	}
	life := lg.cfg.MaxDisconnectionDuration
	wait := life
	if kept := lg.kept(); len(kept) > 0 {
		wait = max(kept[0].at+life-now.Sub(lg.begun), life/16)
	}
	if ses := lg.lost.oldest(); ses != nil {
		wait = min(wait, ses.lostAt.Add(life).Sub(now))
	}
	return max(wait, 0) + time.Millisecond
}

// sweep drops what is too old and tells of expired sessions.
func (lg *recoveryLog) sweep() {
	life, ended := lg.cfg.MaxDisconnectionDuration, 0
	lg.mu.Lock()
	defer func() {
		lg.mu.Unlock() // which the namespace's end takes
		for range ended {
			lg.ns.depart()
		}
	}()
	if lg.sweeping {
		return // it went off before it was set to do so at once
	}
	lg.sweeping = true
	now := time.Now()
	for len(lg.kept()) > 0 && now.Sub(lg.begun)-lg.kept()[0].at > life && !lg.needed() {
		lg.dropOldest()
	}
	for ses := lg.lost.oldest(); ses != nil && now.Sub(ses.lostAt) > life; ses = lg.lost.oldest() {
		lg.lost.remove(ses)
		ses.letGo(lg)
		lg.end(ses)
		ended++ // it departs behind OnExpire
	}
	expired := lg.expired
	lg.expired = nil
	for _, e := range expired {
		if lg.stopped {
			break
		}
		lg.mu.Unlock()
		lg.ns.srv.apart("expire", func() { lg.cfg.OnExpire(e) })
		lg.mu.Lock()
	}
	if lg.timer != nil {
		lg.timer.Stop() // it was set again before this one has begun
	}
	lg.timer, lg.sweeping = nil, false
	if len(lg.kept()) > 0 || lg.lost.oldest() != nil || len(lg.expired) > 0 {
		lg.wake(time.Now())
	}
}

// stop ends the log: nothing is dropped any more, nor told.
func (lg *recoveryLog) stop() {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.stopped, lg.expired = true, nil
	for ses := lg.lost.oldest(); ses != nil; ses = lg.lost.oldest() {
		lg.lost.remove(ses)
		ses.letGo(lg)
	}
	if lg.timer != nil {
		lg.timer.Stop()
	}
}

// figures returns the log's part of the statistics.
func (lg *recoveryLog) figures() RecoveryStats {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	st := lg.stats
	st.Packets, st.Bytes, st.Sessions = len(lg.kept()), lg.bytes, lg.lost.count
	return st
}
