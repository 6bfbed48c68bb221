package sio

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// A log whose adapter is a Recoverer keeps a part of what the adapter keeps for
// the whole cluster, in the same order and with the adapter's offsets: what this
// server was handed since it began to listen, but for the oldest that a limit has
// cost. An own packet is not sent before its turn comes, so all servers send all
// packets in one order, and a client's offset means the same to each of them.
//
// A packet that the adapter can't keep in time is sent without an offset. Should
// it be kept after all, it is added to the log but not sent here again: a client
// that comes back with an older offset then gets it a second time. Who comes back
// in between is sent it then, too, as it would never be otherwise.

// keeper is the adapter that keeps the packets and sessions; nil when the log does.
func (lg *recoveryLog) keeper() adapter.Recoverer {
	if r := lg.recoverer.Load(); r != nil {
		return *r
	}
	return nil
}

// keepers is the keeper of the namespace's log, if it has one.
func (ns *Namespace) keepers() adapter.Recoverer {
	if ns.log == nil {
		return nil
	}
	return ns.log.keeper()
}

// publishing is an own packet that waits for its turn.
type publishing struct {
	log     *recoveryLog
	draft   draft
	bare    message // the packet without an offset, if the codec can't make it of the draft
	to      BroadcastOperator
	options adapter.Options
	socket  *Socket // whom alone it is for, unless nil
	sent    bool
}

// publish hands an event to the adapter. s, unless nil, is the socket whom alone
// it is for.
func (lg *recoveryLog) publish(o BroadcastOperator, s *Socket, event string, args []any) error {
	d, err := eventDraft(lg.ns, event, args, o.plain)
	if err != nil {
		return err
	}
	p := &publishing{log: lg, draft: d, to: o, options: o.options(), socket: s}
	if !lg.ns.srv.codec.cutsEmpty() {
		if p.bare, err = eventMessage(lg.ns, 0, false, event, args); err != nil {
			d.drop()
			return err
		}
	}
	list, err := spread(args, takesJSON)
	if err == nil {
		err = lg.keeper().BroadcastKept(adapter.Packet{Event: event, Args: list}, p.options, p.deliver)
	}
	if err != nil {
		d.drop()
		p.bare.release()
	}
	return err
}

// deliver sends the packet to this server's sockets, once, and keeps it when its
// offset is known.
func (p *publishing) deliver(text string) {
	lg := p.log
	o, ok := parseEntryID(text)
	if ok {
		lg.look()
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	var m message
	switch {
	case ok:
		m = lg.place(o, p.draft.finish(text), p.options)
		lg.settle(p)
		p.bare.release()
	case p.sent:
		return
	default:
		m = p.draft.withoutOffset(p.bare)
		lg.stats.Unordered++
		lg.anticipate(p, m)
	}
	p.bare = message{}
	defer m.release()
	if p.sent {
		return
	}
	p.sent = true
	if s := p.socket; s != nil && s.state.Load() == stateConnecting {
		// No broadcast reaches it yet.
		if v := s.visit(); v == nil || !v.behind {
			_ = s.post(m.retain(), false) // an error means that it has gone
		}
		return
	}
	p.to.cast(m, nil)
}

// withoutOffset is the packet as if it could not be recovered, with a reference
// for the caller. It takes bare over, and returns that if the codec can't make the
// packet of the draft.
func (d draft) withoutOffset(bare message) message {
	if !d.srv.codec.cutsEmpty() {
		return bare
	}
	p := d.srv.newPacket()
	b := p.Begin()
	p.End(d.srv.codec.cutEmpty(append(b, d.body[len(b):]...)))
	for _, a := range d.attachments {
		a.Retain()
	}
	return message{head: p, attachments: d.attachments, outgoing: d.outgoing}
}

// early is an own packet that was sent before its turn, which has not come yet.
type early struct {
	packet *publishing
	keptPacket
}

// anticipate remembers a packet that is sent before its turn. The turns of those
// that the limits of the log cost, or that the adapter has given up, never come.
func (lg *recoveryLog) anticipate(p *publishing, m message) {
	e := early{p, keptPacket{message: m.retain(), rooms: p.options.Rooms, except: p.options.Except, size: packetCost + m.size()}}
	lg.early = append(lg.early, e)
	lg.earlyBytes += e.size
	for len(lg.early) > lg.cfg.MaxPackets || lg.earlyBytes > lg.cfg.MaxBytes {
		lg.forget(0)
		lg.stats.Evicted++
	}
}

// settle is the turn of a packet.
func (lg *recoveryLog) settle(p *publishing) {
	if !p.sent {
		return
	}
	if i := slices.IndexFunc(lg.early, func(e early) bool { return e.packet == p }); i >= 0 {
		lg.forget(i)
	}
}

func (lg *recoveryLog) forget(i int) {
	lg.earlyBytes -= lg.early[i].size
	lg.early[i].message.release()
	lg.early = slices.Delete(lg.early, i, i+1)
}

// anticipated returns the packets for a session that were sent before their turns,
// each with a reference for the caller.
func (lg *recoveryLog) anticipated(ses *session) (list []message) {
	if len(lg.early) == 0 {
		return nil
	}
	in, now := ses.membership(), lg.next()
	for i := range lg.early {
		if e := &lg.early[i]; ses.wants(&e.keptPacket, now, in) {
			list = append(list, e.message.retain())
		}
	}
	return list
}

// receive takes a packet that another server has published.
func (lg *recoveryLog) receive(p adapter.Packet, o BroadcastOperator) error {
	id, ok := parseEntryID(p.Offset)
	if !ok {
		return fmt.Errorf("sio: the adapter's offset %q is not two numbers with a dash between them", p.Offset)
	}
	d, err := eventDraft(lg.ns, p.Event, p.Args, o.plain)
	if err != nil {
		return err
	}
	lg.look()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	m := lg.place(id, d.finish(p.Offset), o.options())
	o.cast(m, nil)
	m.release()
	return nil
}

// place keeps a packet at its offset. When that is not the newest the adapter has
// begun anew, and what was kept before means nothing any more.
func (lg *recoveryLog) place(o offset, m message, to adapter.Options) message {
	if o.compare(lg.last) <= 0 {
		for len(lg.kept()) > 0 {
			lg.dropOldest()
		}
		lg.dropped = o.previous()
	}
	m = lg.keepAt(time.Now(), o, m, to.Rooms, to.Except)
	lg.wakeWaiting()
	return m
}

// start is the offset after which the log has everything; ok is false when that is
// not known.
func (lg *recoveryLog) start() (o offset, ok bool) {
	o, ok = lg.since, lg.sinceKnown
	if o.compare(lg.dropped) < 0 {
		o = lg.dropped
	}
	return o, ok
}

// look asks the keeper what it has handed over. lg.mu is not held: the adapter may do
// anything then, and nothing is done that matters more than a client that comes back.
// What is known before a packet has its place is known to all that looks at the log then.
func (lg *recoveryLog) look() (changed <-chan struct{}) {
	lg.looking.Lock()
	defer lg.looking.Unlock()
	lg.ns.srv.protect("restore", func() {
		var text string
		text, changed = lg.keeper().Since()
		if text == lg.sinceText {
			return
		}
		lg.sinceText = text
		lg.mu.Lock()
		defer lg.mu.Unlock()
		lg.since, lg.sinceKnown = parseEntryID(text)
	})
	return changed
}

// reached is the offset up to which this server's sockets have been sent everything.
func (lg *recoveryLog) reached() offset {
	o, _ := lg.start()
	if o.compare(lg.last) < 0 {
		return lg.last
	}
	return o
}

// after is the position of the first packet after an offset.
func (lg *recoveryLog) after(o offset) uint64 {
	pos, found := lg.position(o)
	if found {
		pos++
	}
	return pos
}

// offsetWaiter waits until a log has reached an offset.
type offsetWaiter struct {
	offset offset
	done   chan struct{}
}

// wakeWaiting tells those who wait for what has been reached.
func (lg *recoveryLog) wakeWaiting() {
	waiting := lg.waiting[:0]
	for _, w := range lg.waiting {
		if w.offset.compare(lg.last) <= 0 {
			close(w.done)
		} else {
			waiting = append(waiting, w)
		}
	}
	clear(lg.waiting[len(waiting):])
	lg.waiting = waiting
}

// awaited reports whether a client that is gone may come back.
func (lg *recoveryLog) awaited(v *visit) bool {
	if v == nil {
		return false
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	return !v.left.IsZero() && time.Since(v.left) <= lg.cfg.MaxDisconnectionDuration
}

// persist ends a socket's part in its session, which the adapter keeps when the
// client may come back.
func (lg *recoveryLog) persist(s *Socket, v *visit, r adapter.Recoverer, reason Reason) {
	lg.mu.Lock()
	ses := v.session
	v.forget()
	keep := reason.recoverable() && (v.recovered || ses.start != forever)
	if keep {
		v.left = time.Now()
	}
	rooms := append(ses.rooms(), s.ID())
	lg.mu.Unlock()
	if keep {
		s.withData("persist", func(data []byte) {
			r.Persist(adapter.Session{ID: s.ID(), PID: ses.pid, Rooms: rooms, Data: data})
		})
	}
}

// parseEntryID reads an offset in the form of a stream's entries, two numbers of 64
// bits with a dash between them.
func parseEntryID(s string) (o offset, ok bool) {
	ms, count, _ := strings.Cut(s, "-")
	if o.ms, ok = parseDecimal(ms); ok {
		o.count, ok = parseDecimal(count)
	}
	return o, ok
}

func parseDecimal(s string) (n uint64, ok bool) {
	if s == "" || len(s) > 20 {
		return 0, false
	}
	for i := range len(s) {
		d := uint64(s[i] - '0')
		if d > 9 || n > math.MaxUint64/10 || n*10 > math.MaxUint64-d {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}
