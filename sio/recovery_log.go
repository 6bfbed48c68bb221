package sio

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// recoveryLog is what a namespace keeps so that clients can come back. What it
// decides is in package recovery, whose state machine it guards, gives the time,
// and turns into sockets, timers and goroutines. That package's comment says why no
// packet is lost or doubled; what it asks of its caller is kept here:
//
//   - An event gets its position and is handed to the recipients' loops under mu.
//   - A socket joins a room before its session does, and its session leaves last,
//     under mu.
//   - A socket becomes a member of its namespace under the mu that collects what its
//     client has missed (welcome).
//
// A client may come back before the server has noticed that it was gone: then it
// waits a moment (see await). A pid whose client is really there is not given away.
//
// With an adapter that is a Recoverer positions and sessions are the cluster's: see
// recovery_cluster.go.
type recoveryLog struct {
	ns    *Namespace
	cfg   *Recovery
	begun time.Time // the machine's clock starts

	mu       sync.Mutex // taken before the locks of shards and loops, never while another one is held
	log      *recovery.Log[*Socket, message]
	expired  []ExpiredSession // to be reported
	timer    *time.Timer      // nil when there is nothing to wait for
	sweeping bool
	stopped  bool
	waiting  []offsetWaiter

	rereading bool               // the goroutine that reads histories runs
	stopPage  context.CancelFunc // of the page that is read now
	room      chan struct{}      // closed when less is held for histories; nil when nothing waits for that

	looking   sync.Mutex // taken before mu, held while Since is called
	sinceText string     // guarded by looking

	recoverer atomic.Pointer[adapter.Recoverer] // nil when the log is this server's alone
}

// The types of package recovery for sockets. What is not immutable in them is
// guarded by the log's lock.
type (
	session    = recovery.Session[*Socket, message]
	membership = recovery.Membership[*Socket, message]
	history    = recovery.History[*Socket, message]
	reading    = recovery.Reading[*Socket, message]
)

// packetCost is what a kept packet costs beside its bytes.
const packetCost = recovery.PacketCost

func newRecoveryLog(ns *Namespace, cfg *Recovery) *recoveryLog {
	lg := &recoveryLog{ns: ns, cfg: cfg, begun: time.Now()}
	lg.log = recovery.New[*Socket](recovery.Limits{
		MaxAge:      cfg.MaxDisconnectionDuration,
		MaxPackets:  cfg.MaxPackets,
		MaxBytes:    cfg.MaxBytes,
		MaxSessions: cfg.MaxSessions,
	}, recovery.Hooks[message]{Retain: message.retain, Release: message.release, Room: lg.roomAgain, Idle: lg.caughtUpAll})
	return lg
}

// now is the time of the log's clock.
func (lg *recoveryLog) now() time.Duration { return time.Since(lg.begun) }

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

// emit is broadcast for one socket, or for the one that has taken its place since.
func (lg *recoveryLog) emit(s *Socket, event string, args []any, plain bool) error {
	v := s.membership()
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
	if !s.open() && (v == nil || !lg.log.Has(v.Session)) {
		d.drop()
		return ErrDisconnected
	}
	m := lg.keep(d, rooms, nil)
	to := s
	if v != nil && v.Session.Holder() != nil {
		v = v.Session.Holder()
		to = v.Socket
	}
	if !to.open() || v != nil && v.Behind {
		m.release() // it is sent when, and if, the client is back
		return nil
	}
	return to.post(m, false)
}

// keep gives a packet its place in the log. The message has a reference for the
// caller.
func (lg *recoveryLog) keep(d draft, rooms, except []string) message {
	var text [24]byte
	o := lg.log.Last().Next(uint64(max(time.Now().UnixMilli(), 0)))
	m := d.finish(string(o.AppendTo(text[:0])))
	lg.log.Keep(lg.now(), o, keptPacket(m, rooms, except))
	lg.wake()
	return m
}

// keptPacket is a message with its recipients as the log keeps it: with a reference
// of its own.
func keptPacket(m message, rooms, except []string) recovery.Packet[message] {
	return recovery.Packet[message]{Payload: m.retain(), Size: m.size(), Rooms: rooms, Except: except}
}

// wake sets the timer for what is to be dropped next. lg.mu is held.
func (lg *recoveryLog) wake() {
	if lg.timer == nil && !lg.stopped {
		lg.timer = time.AfterFunc(lg.wait(), lg.sweep)
	}
}

// wait is how long to wait until something must be dropped or reported.
func (lg *recoveryLog) wait() time.Duration {
	if len(lg.expired) > 0 {
		return 0
	}
	wait, _ := lg.log.Wait(lg.now())
	return wait
}

// sweep drops what is too old, and reports expired sessions.
func (lg *recoveryLog) sweep() {
	ended := 0
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
	for _, ses := range lg.log.Sweep(lg.now()) {
		lg.letGo(ses)
		lg.report(ses)
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
	if _, more := lg.log.Wait(lg.now()); more || len(lg.expired) > 0 {
		lg.wake()
	}
}

// report has OnExpire called for a session that has ended for good. lg.mu is held.
func (lg *recoveryLog) report(ses *session) {
	if lg.cfg.OnExpire == nil || lg.stopped {
		return
	}
	lg.expired = append(lg.expired, ExpiredSession{lg.ns, string(ses.ID[:]), ses.Rooms(), ses.Data})
	if lg.timer != nil && !lg.sweeping {
		lg.timer.Reset(0)
	}
	lg.wake()
}

// letGo stops counting the data of a session that does not wait any more.
func (lg *recoveryLog) letGo(ses *session) {
	lg.ns.srv.eio.Keep(-ses.Size)
	ses.Size = 0
}

// stop ends the log: nothing is dropped any more, nor reported.
func (lg *recoveryLog) stop() {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.stopped, lg.expired = true, nil
	for _, ses := range lg.log.Drain() {
		lg.letGo(ses)
	}
	if lg.timer != nil {
		lg.timer.Stop()
	}
}

// figures returns the log's part of the statistics.
func (lg *recoveryLog) figures() RecoveryStats {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	return RecoveryStats(lg.log.Stats())
}
