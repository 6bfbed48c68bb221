package sio

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// recoveryLog is what a namespace keeps so that clients can come back. What it
// decides is in package recovery, whose state machine it guards, gives the
// time, and turns into sockets, timers and goroutines. The comment of that
// package says why no packet is lost or doubled. What that requires of its
// caller is kept here:
//
//   - An event gets its position, and is posted to the recipients' loops, under
//     mu.
//   - A socket joins a room before its session does, and its session leaves the
//     room last, under mu.
//   - What a client has missed is collected, and its socket becomes a member of
//     its namespace, under one hold of mu (enter).
//
// A client may come back before the server has noticed that its connection was
// lost. Then it waits a moment: see awaitLoss. The session of a client that is
// really there is not given away.
//
// There are two deliveries with a recoveryLog: in an ownLog positions and
// sessions are this server's, in a sharedLog the cluster's.
type recoveryLog struct {
	ns    *Namespace
	cfg   *Recovery
	begun time.Time // the machine's clock starts

	// mu is taken before the locks of rooms and loops, never while another one
	// is held. It guards what follows.
	mu       invariants.Mutex[recoveryLog]
	log      *recovery.Log[*Socket, encodedPacket]
	expired  []ExpiredSession // to be reported
	timer    *time.Timer      // nil when there is nothing to wait for
	sweeping bool
	stopped  bool

	// Of a sharedLog:
	waiting   []offsetWaiter
	rereading bool               // the goroutine that reads histories runs
	stopPage  context.CancelFunc // of the page that is read now
	room      chan struct{}      // closed when less is held; else nil
}

// The types of package recovery for sockets. What is not immutable in them is
// guarded by the log's lock.
type (
	session    = recovery.Session[*Socket, encodedPacket]
	membership = recovery.Membership[*Socket, encodedPacket]
	history    = recovery.History[*Socket, encodedPacket]
	reading    = recovery.Reading[*Socket, encodedPacket]
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
	}, &ns.srv.recoveryBudget, recovery.Hooks[encodedPacket]{Retain: encodedPacket.retain, Release: encodedPacket.release, Room: lg.roomAgain, Idle: lg.caughtUpAll})
	return lg
}

// now is the time of the log's clock.
func (lg *recoveryLog) now() time.Duration { return time.Since(lg.begun) }

// keptPacket returns a packet and its recipients as the log keeps it, with a
// reference for the log.
func keptPacket(m encodedPacket, rooms, except []string) recovery.Packet[encodedPacket] {
	return recovery.Packet[encodedPacket]{Payload: m.retain(), Size: m.size(), Rooms: rooms, Except: except}
}

// begin makes a session for a socket that is about to connect, or gives the
// socket what belongs to the session that it is back in. The log does not know
// a new session before the socket is admitted.
func (lg *recoveryLog) begin(s *Socket, back *membership) {
	if back != nil {
		lg.resume(s, back)
		return
	}
	pid := newPID()
	lg.mu.Lock()
	m := lg.log.Begin(pid, s.id, s)
	lg.mu.Unlock()
	s.setMembership(m)
}

func newPID() string {
	var raw [15]byte
	_, _ = rand.Read(raw[:]) // never fails
	return idEncoding.EncodeToString(raw[:])
}

// resume gives a socket what belongs to the session that it is back in.
func (lg *recoveryLog) resume(s *Socket, m *membership) {
	lg.mu.Lock()
	rooms, data := m.Session.Rooms(), m.Session.Data
	lg.mu.Unlock()
	lg.ns.rooms.Join(&s.member, rooms...)
	s.setMembership(m)
	if data != nil {
		s.setData(data, true)
	}
}

// join puts a socket into a room, in the session too, under one lock: so what
// it is sent as a member is always the session's, too.
func (lg *recoveryLog) join(s *Socket, room string) error {
	defer s.ns.rooms.FlushEvents(&s.member)
	m := s.membership()
	if m == nil {
		_, err := s.joinDeferred(room)
		return err
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	joined, err := s.joinDeferred(room)
	if joined {
		lg.log.Join(m, room, s.state.Load() != stateConnecting)
	}
	return err
}

// leave takes a socket out of a room, in the session last.
func (lg *recoveryLog) leave(s *Socket, room string) {
	m := s.membership()
	if m == nil {
		s.ns.rooms.Leave(&s.member, room)
		return
	}
	defer s.ns.rooms.FlushEvents(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	s.ns.rooms.LeaveDeferred(&s.member, room)
	lg.log.Leave(m, room)
}

// enter makes a socket a member of its namespace, at the moment at which it
// collects what the socket's client has missed. It reports false when the
// socket has ended. m, the socket's membership, is nil or complete. lg.mu is
// held; the caller flushes the rooms' events when it is not held any more.
func (lg *recoveryLog) enter(s *Socket, m *membership) (pid string, missed []encodedPacket, ok bool) {
	if !s.enroll((*adapter.Rooms[*Socket]).AddDeferred) {
		return "", nil, false
	}
	if m == nil {
		return "", nil, true
	}
	return m.Session.PID, lg.log.Admit(m), true
}

// refuse ends the session of a socket that a middleware has refused.
func (lg *recoveryLog) refuse(s *Socket) {
	m := s.membership()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if m == nil {
		return
	}
	m.DropHistory()
	if m.Recovered && m.Holds() {
		lg.end(m.Session)
	}
}

// lose keeps a session whose client may come back. lg.mu is held.
func (lg *recoveryLog) lose(ses *session, data any) {
	ses.Vacate()
	ses.Data = data
	if lg.stopped {
		lg.end(ses)
		return
	}
	size := dataSize(data)
	if !lg.ns.srv.eio.Keep(size) {
		lg.log.Evict(ses)
		lg.report(ses)
		return
	}
	ses.Size = size
	lg.ns.arrive() // the namespace stays for the client, unless it is closed
	if evicted := lg.log.Lose(lg.now(), ses); evicted != nil {
		lg.ns.depart() // ses still counts
		lg.letGo(evicted)
		lg.report(evicted)
	}
	lg.wake()
}

// end ends a session for good, which does not wait for its client. lg.mu is
// held.
func (lg *recoveryLog) end(ses *session) {
	lg.log.End(ses)
	lg.report(ses)
}

// holds reports false: a client that comes back is sent what is behind its
// last packet in the order of the offsets, so nothing may be held back.
func (lg *recoveryLog) holds() bool { return false }

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
		lg.mu.Unlock() // the end of the namespace takes it
		for range ended {
			lg.ns.depart()
		}
	}()
	if lg.sweeping {
		return // it fired before it was reset
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
		lg.timer.Stop() // it was reset before this call began
	}
	lg.timer, lg.sweeping = nil, false
	if _, more := lg.log.Wait(lg.now()); more || len(lg.expired) > 0 {
		lg.wake()
	}
}

// report has OnExpire called for a session that has ended for good. lg.mu is
// held.
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

// stop ends the log: it keeps nothing any more, and reports nothing.
func (lg *recoveryLog) stop() {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.stopped, lg.expired = true, nil
	for _, ses := range lg.log.Close() {
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

// roomAgain is called by the state machine when less is held for histories.
func (lg *recoveryLog) roomAgain() {
	close(lg.room)
	lg.room = nil
}

// caughtUpAll is called by the state machine when no client waits for a page
// any more.
func (lg *recoveryLog) caughtUpAll() {
	if lg.stopPage != nil {
		lg.stopPage()
	}
}

// Recovered reports whether the socket has come back: see [Recovery].
func (s *Socket) Recovered() bool {
	m := s.membership()
	return m != nil && m.Recovered
}

// membership returns the socket's part in its session; nil without recovery,
// and with protocol 4.
func (s *Socket) membership() *membership {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return nil
	}
	return s.extra.membership
}

func (s *Socket) setMembership(m *membership) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extraLocked().membership = m
}

// offsetWaiter waits until a log has reached an offset.
type offsetWaiter struct {
	offset recovery.Offset
	done   chan struct{}
}
