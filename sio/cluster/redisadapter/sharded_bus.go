package redisadapter

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// shardedBus carries the messages of one namespace of one server. It implements
// cluster.Bus and cluster.Counter. Safe for concurrent use.
type shardedBus struct {
	mode      SubscriptionMode
	public    string // the namespace's channel, and what the others begin with
	members   *members
	namespace string
	uid       string
	receive   func(m *cluster.Message)
	echoes    [2][]byte // the beginnings of own messages: JSON; and MessagePack, after the first byte
	receiver  receiver
	mayWait   func() bool
	ended     <-chan struct{} // closed when no call may wait any more

	mu      sync.Mutex // taken before that of channels
	closed  bool
	created string // the last created room, until the event of its first member
}

// open subscribes.
func (s *Sharded) open(local adapter.Local, uid string, receive func(m *cluster.Message), ended <-chan struct{}) *shardedBus {
	b := &shardedBus{
		mode: s.cfg.SubscriptionMode, public: s.cfg.ChannelPrefix + "#" + local.Namespace() + "#",
		members: s.members, namespace: local.Namespace(), uid: uid, receive: receive,
		mayWait: waits(local), ended: ended,
	}
	b.echoes[0] = jsonenc.AppendString([]byte(`{"uid":`), uid)
	b.echoes[1] = msgpack.AppendString(msgpack.AppendString(nil, "uid"), uid)
	b.receiver.receive = b.onMessage
	s.channels.subscribe(&b.receiver, b.of(uid))
	s.channels.subscribe(&b.receiver, b.public) // last, because servers are counted by it
	if b.mode != ModeStatic {
		local.OnRoom(b.onRoom)
	}
	if s.cfg.Node.UID != nil { // another node may have the same
		s.channels.run(b.findDuplicate)
	}
	return b
}

// of returns the channel of a node or a room.
func (b *shardedBus) of(name string) string { return b.public + name + "#" }

// Publish implements cluster.Bus. It may wait while the queue is full.
func (b *shardedBus) Publish(m *cluster.Message) error {
	payload, err := wire.Append(make([]byte, 0, 256), m)
	if err != nil {
		return err
	}
	return b.members.channels.send(m, shardedChannel(b.public, b.mode, m), payload, b.mayWait, b.ended)
}

// shardedChannel returns the channel of a message.
func shardedChannel(public string, mode SubscriptionMode, m *cluster.Message) string {
	switch {
	case m.To != "":
		return public + m.To + "#"
	case m.Type != cluster.Broadcast, m.RequestID != "", len(m.Options.Rooms) != 1, mode == ModeStatic,
		mode == ModeDynamic && utf16Len(m.Options.Rooms[0]) == 20: // like the id of a socket
		return public
	}
	return public + m.Options.Rooms[0] + "#"
}

// utf16Len returns the length of a string in JavaScript.
func utf16Len(s string) (n int) {
	for _, r := range s {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}

// onMessage takes a message of another server.
func (b *shardedBus) onMessage(channel string, payload []byte) {
	if bytes.HasPrefix(payload, b.echoes[0]) || len(payload) > 0 && bytes.HasPrefix(payload[1:], b.echoes[1]) {
		return
	}
	m, err := wire.Decode(payload)
	if err == nil && m.Namespace == "" {
		err = fmt.Errorf("%w: no namespace", wire.ErrInvalid) // versions of the reference before 8.3
	}
	if err != nil {
		b.members.refuse(channel, err)
		return
	}
	b.receive(m)
}

// onRoom subscribes to the channels of rooms that have members.
func (b *shardedBus) onRoom(e adapter.RoomEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	switch e.Kind {
	case adapter.RoomCreated:
		b.created = e.Room
	case adapter.RoomJoined:
		if e.Room == b.created && (e.Room != e.Socket || b.mode == ModeDynamicPrivate) {
			b.members.channels.subscribeRooms(&b.receiver, b.of(e.Room))
		}
		b.created = ""
	case adapter.RoomDeleted:
		b.members.channels.unsubscribe(&b.receiver, b.of(e.Room))
	}
}

// MaxMessage implements cluster.Sizer.
func (b *shardedBus) MaxMessage() int { return b.members.channels.cfg.maxMessage }

// ServerCount implements cluster.Counter. It waits until this server gets
// answers.
func (b *shardedBus) ServerCount(ctx context.Context) (int, error) {
	return b.members.channels.countServers(ctx, b.public, b.of(b.uid))
}

// Close implements cluster.Bus.
func (b *shardedBus) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.members.channels.unsubscribeAll(&b.receiver)
	return nil
}

var (
	_ cluster.Bus     = (*shardedBus)(nil)
	_ cluster.Counter = (*shardedBus)(nil)
	_ cluster.Sizer   = (*shardedBus)(nil)
)

// findDuplicate looks for another server with the same UID: each would take the
// other's messages for its own, and both would get the answers to both. The
// later server finds a second subscriber of its own channel. It looks again
// after a second, because Redis may not have noticed yet that a former
// connection has ended.
func (b *shardedBus) findDuplicate() {
	c, found := b.members.channels, false
	for {
		n, err := b.listeners(c.ctx)
		switch {
		case b.isClosed() || err == nil && n < 2:
			return
		case err == nil && found:
			b.receive(&cluster.Message{Type: cluster.Heartbeat, UID: b.uid, Namespace: b.namespace, Instance: "?"})
			return
		case err == nil:
			found = true
		}
		if !pause(c.ctx, maxRetryTime) {
			return
		}
	}
}

// listeners returns the number of subscribers of the node's own channel.
func (b *shardedBus) listeners(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c, own := b.members.channels, b.of(b.uid)
	n, err := c.count(ctx, own)
	return n + c.receivers(own) - 1, err
}

func (b *shardedBus) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}
