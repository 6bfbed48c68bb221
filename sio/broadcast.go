package sio

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
)

// BroadcastOperator addresses sockets, and says how a broadcast to them is
// sent. It is an immutable value: its methods return changed copies, which may
// be kept and used again.
type BroadcastOperator struct {
	ns       *Namespace
	self     *Socket // left out; nil for none
	rooms    []string
	except   []string
	volatile bool
	plain    bool // not to be compressed
	local    bool // not for other servers
	timeout  time.Duration
}

// To adds rooms: the broadcast reaches the sockets that are in at least one of
// all rooms that were added, each once. As long as none was added it reaches
// all sockets. With an adapter, the names of rooms, also those for Except, must
// be UTF-8; otherwise the method that uses the operator returns [ErrName].
func (o BroadcastOperator) To(rooms ...string) BroadcastOperator {
	o.rooms = slices.Concat(o.rooms, rooms)
	return o
}

// In is To.
func (o BroadcastOperator) In(rooms ...string) BroadcastOperator { return o.To(rooms...) }

// Except adds rooms whose members are left out.
func (o BroadcastOperator) Except(rooms ...string) BroadcastOperator {
	o.except = slices.Concat(o.except, rooms)
	return o
}

// Volatile makes packets that may be lost. A recipient that can't be written to
// at once, because no poll request waits or because earlier bytes are still
// unsent, does not get the packet, now or later.
func (o BroadcastOperator) Volatile() BroadcastOperator {
	o.volatile = true
	return o
}

// Compress says whether polling responses with these packets may be compressed;
// they may unless it was called with false. WebSocket messages are not
// affected.
func (o BroadcastOperator) Compress(on bool) BroadcastOperator {
	o.plain = !on
	return o
}

// Local leaves out the sockets of other servers.
func (o BroadcastOperator) Local() BroadcastOperator {
	o.local = true
	return o
}

// Timeout is how long EmitAck and FetchSockets wait for answers before they
// fail with [ErrTimeout]. When it is 0 they wait as long as their contexts
// allow.
func (o BroadcastOperator) Timeout(d time.Duration) BroadcastOperator {
	o.timeout = d
	return o
}

// Emit sends an event to all sockets that are addressed at this moment. It
// encodes args once, before it returns. [Socket.Emit] describes args and the
// errors; after an error nothing was sent, neither here nor to other servers.
// It is not an error when no socket is addressed. When too much waits to be
// sent to other servers, an adapter may make Emit wait for a while, but not on
// a loop; then it returns [ErrOverloaded].
func (o BroadcastOperator) Emit(event string, args ...any) error {
	if err := checkEvent(event); err != nil {
		return err
	}
	return o.ns.each(func(ns *Namespace) error {
		o.ns = ns
		return ns.delivery.broadcast(o, event, args)
	})
}

func checkEvent(event string) error {
	if socketio.Reserved(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return adapter.CheckName(event)
}

// options returns what an adapter needs to know of the operator.
func (o BroadcastOperator) options() adapter.Options {
	a := adapter.Options{Rooms: o.rooms, Except: o.except, Volatile: o.volatile, NoCompress: o.plain}
	if o.self != nil {
		a.Except = with(a.Except, o.self.ID())
	}
	return a
}

// peers returns the other servers that the operator is for.
func (o BroadcastOperator) peers() peers {
	if o.local {
		return alone{o.ns}
	}
	return o.ns.peers
}

// eachNamespace calls f with the operator for each namespace that it is for.
func (o BroadcastOperator) eachNamespace(f func(o BroadcastOperator) error) error {
	return o.ns.each(func(ns *Namespace) error {
		o.ns = ns
		return f(o)
	})
}

// localSockets returns the addressed sockets of this server in the operator's
// own namespace.
func (o BroadcastOperator) localSockets() []*Socket {
	if len(o.rooms)+len(o.except) == 0 && o.self == nil {
		return o.ns.rooms.All()
	}
	target := adapter.Target[*Socket]{
		All:           len(o.rooms) == 0,
		Rooms:         o.rooms,
		Members:       o.ns.resolve(nil, o.rooms),
		Except:        o.except,
		ExceptMembers: o.ns.resolve(nil, o.except),
	}
	target.ExceptMembers = o.leaveOut(target.ExceptMembers)
	return o.ns.rooms.Select(&target)
}

// post posts m to the loops that have recipients. acks, unless nil, gets their
// acknowledgements. The caller keeps its reference to m.
func (o BroadcastOperator) post(m encodedPacket, acks *broadcastAck) {
	// Most targets name a few sockets at most: these need no memory.
	var members, excepted [4]*adapter.Member[*Socket]
	target := adapter.Target[*Socket]{
		All:           len(o.rooms) == 0,
		Rooms:         o.rooms,
		Members:       o.ns.resolve(members[:0], o.rooms),
		Except:        o.except,
		ExceptMembers: o.ns.resolve(excepted[:0], o.except),
	}
	target.ExceptMembers = o.leaveOut(target.ExceptMembers)
	t := broadcastTasks.Get().(*broadcastTask)
	for shard := range o.ns.rooms.Loops() {
		if !o.ns.rooms.Take(shard, &target, &t.cast) {
			continue
		}
		t.packet, t.volatile, t.acks = m.retain(), o.volatile, acks
		if acks != nil {
			acks.shards.Add(1)
		}
		if !o.ns.srv.loop(shard).Post(t) {
			t.recycle() // the server has ended
		}
		t = broadcastTasks.Get().(*broadcastTask)
	}
	broadcastTasks.Put(t)
}

// leaveOut appends the socket that the operator leaves out. If that was lost,
// it also appends the socket of its client that came back with its id.
func (o BroadcastOperator) leaveOut(dst []*adapter.Member[*Socket]) []*adapter.Member[*Socket] {
	if o.self == nil {
		return dst
	}
	dst = append(dst, &o.self.member)
	if o.self.open() {
		return dst
	}
	if s := o.ns.find(o.self.ID()); s != nil && s != o.self {
		dst = append(dst, &s.member)
	}
	return dst
}

// resolve appends the members of the sockets whose ids are among rooms.
func (ns *Namespace) resolve(dst []*adapter.Member[*Socket], rooms []string) []*adapter.Member[*Socket] {
	for _, room := range rooms {
		if s := ns.find(room); s != nil {
			dst = append(dst, &s.member)
		}
	}
	return dst
}

// broadcastTask sends a broadcast to the recipients of one loop.
type broadcastTask struct {
	cast     adapter.Cast[*Socket]
	packet   encodedPacket
	volatile bool
	acks     *broadcastAck // nil when none is asked for
}

var broadcastTasks = sync.Pool{New: func() any { return new(broadcastTask) }}

func (t *broadcastTask) Run(*loop.Loop) {
	var room [64]*Socket
	for batch := t.cast.Next(room[:0]); len(batch) > 0; batch = t.cast.Next(room[:0]) {
		for _, s := range batch {
			if s.holds && !t.packet.awaited && s.holdBroadcast(t.packet, t.volatile) {
				continue
			}
			if s.deliver(t.packet, t.volatile) && t.acks != nil {
				t.acks.asked(s)
			}
		}
	}
	t.recycle()
}

func (t *broadcastTask) recycle() {
	t.cast.Done()
	t.packet.release()
	if t.acks != nil {
		t.acks.sent()
	}
	t.packet, t.acks = encodedPacket{}, nil
	broadcastTasks.Put(t)
}

// Broadcast addresses all sockets of the namespace except this one.
func (s *Socket) Broadcast() BroadcastOperator { return BroadcastOperator{ns: s.ns, self: s} }

// To addresses the sockets in at least one of rooms, except this one: see
// [BroadcastOperator.To].
func (s *Socket) To(rooms ...string) BroadcastOperator { return s.Broadcast().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) BroadcastOperator { return s.To(rooms...) }

// Local addresses all sockets on this server except this one.
func (s *Socket) Local() BroadcastOperator { return s.Broadcast().Local() }

// Except addresses the sockets that are in none of rooms, except this one.
func (s *Socket) Except(rooms ...string) BroadcastOperator { return s.Broadcast().Except(rooms...) }

// Emit sends an event to all sockets of the namespace: see
// [BroadcastOperator.Emit].
func (ns *Namespace) Emit(event string, args ...any) error {
	return BroadcastOperator{ns: ns}.Emit(event, args...)
}

// To addresses the sockets in at least one of rooms; without rooms, all
// sockets. The id of a socket is a room with only that socket.
func (ns *Namespace) To(rooms ...string) BroadcastOperator {
	return BroadcastOperator{ns: ns}.To(rooms...)
}

// In is To.
func (ns *Namespace) In(rooms ...string) BroadcastOperator { return ns.To(rooms...) }

// Except addresses the sockets that are in none of rooms.
func (ns *Namespace) Except(rooms ...string) BroadcastOperator {
	return BroadcastOperator{ns: ns}.Except(rooms...)
}

// Volatile addresses all sockets with packets that may be lost: see
// [BroadcastOperator.Volatile].
func (ns *Namespace) Volatile() BroadcastOperator { return BroadcastOperator{ns: ns}.Volatile() }

// Timeout limits how long answers are waited for: see
// [BroadcastOperator.Timeout].
func (ns *Namespace) Timeout(d time.Duration) BroadcastOperator {
	return BroadcastOperator{ns: ns}.Timeout(d)
}

// Compress addresses all sockets: see [BroadcastOperator.Compress].
func (ns *Namespace) Compress(on bool) BroadcastOperator {
	return BroadcastOperator{ns: ns}.Compress(on)
}

// Local addresses all sockets on this server.
func (ns *Namespace) Local() BroadcastOperator { return BroadcastOperator{ns: ns}.Local() }
