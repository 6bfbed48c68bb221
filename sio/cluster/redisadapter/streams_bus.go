package redisadapter

import (
	"cmp"
	"context"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// streamBus carries the messages of one namespace of one server. Messages that
// must not be lost go through the stream. Requests and answers go through
// channels: requests through that of the namespace, answers through that of the
// node that asks. It implements cluster.Bus and cluster.Counter. Safe for
// concurrent use.
type streamBus struct {
	stream    *stream
	members   *members
	namespace string
	uid       string
	public    string // the namespace's channel
	receiver  receiver
	receive   func(m *cluster.Message)
	mayWait   func() bool     // reports whether the calling goroutine may wait
	ended     <-chan struct{} // closed when no call may wait for the channels any more
	since     string          // see streamNode.Since; guarded by stream.mu
	closed    bool            // no call may wait any more; guarded by stream.mu
}

// open subscribes, last to the channel by which servers are counted.
func (s *Streams) open(st *stream, local adapter.Local, uid string, receive func(m *cluster.Message), ended <-chan struct{}) *streamBus {
	namespace := local.Namespace()
	b := &streamBus{
		stream: st, members: s.members, namespace: namespace, uid: uid,
		public: s.cfg.ChannelPrefix + "#" + namespace + "#", receive: receive,
		mayWait: func() bool { return true }, ended: ended,
	}
	if w, ok := local.(adapter.Waiter); ok {
		b.mayWait = w.MayWait
	}
	b.receiver.receive = b.receiveChannel
	st.add(b)
	b.members.channels.subscribe(&b.receiver, b.private(uid))
	b.members.channels.subscribe(&b.receiver, b.public)
	return b
}

// private returns the channel of a node.
func (b *streamBus) private(uid string) string { return b.public + uid + "#" }

// Publish implements cluster.Bus. It may wait while the queue is full.
func (b *streamBus) Publish(m *cluster.Message) error {
	if !ephemeral(m) {
		return b.add(m, nil)
	}
	payload, err := wire.AppendMessagePack(nil, m)
	if err != nil {
		return err
	}
	channel := b.public
	if m.To != "" {
		channel = b.private(m.To)
	}
	return b.members.channels.send(m, channel, payload, b.mayWait, b.ended)
}

// ephemeral reports whether a message goes through a channel.
func ephemeral(m *cluster.Message) bool {
	switch m.Type {
	case cluster.Broadcast:
		return m.RequestID != ""
	case cluster.FetchSockets, cluster.ServerSideEmit:
		return true
	}
	return m.To != ""
}

// add queues a message for the stream. Unless kept is nil, it is delivered at
// its place.
func (b *streamBus) add(m *cluster.Message, kept *keptEntry) error {
	text, err := data(m, b.stream.cfg.OnlyPlaintext)
	if err != nil {
		return err
	}
	if most := b.stream.cfg.MaxMessageBytes; len(text) > most {
		b.stream.refuseLarge()
		return tooLarge(len(text), most)
	}
	return b.stream.enqueue(b, entry{uid: b.uid, namespace: b.namespace, kind: m.Type, data: text}, kept)
}

// receiveEntry takes an entry of the stream.
func (b *streamBus) receiveEntry(e entry, id string) error {
	m, err := e.message()
	if err != nil {
		return err
	}
	if m.Type == cluster.Broadcast && m.RequestID == "" && !m.Options.Volatile {
		m.Packet.Offset = id
	}
	b.receive(m)
	return nil
}

// duplicateUID passes the node an entry of another node with its UID.
func (b *streamBus) duplicateUID(e entry) {
	b.receive(&cluster.Message{Type: e.kind, UID: e.uid, Namespace: e.namespace, Instance: cmp.Or(e.writer, "?")})
}

// receiveChannel takes a message of a channel.
func (b *streamBus) receiveChannel(channel string, payload []byte) {
	m, err := wire.Decode(payload)
	if err != nil {
		b.members.refuse(channel, err)
		return
	}
	b.receive(m)
}

// ServerCount implements cluster.Counter. It waits until this server gets
// answers.
func (b *streamBus) ServerCount(ctx context.Context) (int, error) {
	return b.members.channels.countServers(ctx, b.public, b.private(b.uid))
}

// MaxMessage implements cluster.Sizer, for messages in channels.
func (b *streamBus) MaxMessage() int { return b.members.channels.cfg.maxMessage }

// Close implements cluster.Bus.
func (b *streamBus) Close() error {
	b.members.channels.unsubscribe(&b.receiver, b.public, b.private(b.uid))
	b.stream.remove(b)
	return nil
}

var (
	_ cluster.Bus     = (*streamBus)(nil)
	_ cluster.Counter = (*streamBus)(nil)
	_ cluster.Sizer   = (*streamBus)(nil)
)

// streamNode is a node of the cluster whose packets the stream keeps. It
// implements adapter.Recoverer. Safe for concurrent use.
type streamNode struct {
	adapter.Adapter // the node
	stream          *stream
	local           adapter.Local
	bus             *streamBus
}

// BroadcastKept implements adapter.Recoverer. If Redis is away and the queue is
// full, the packet is delivered here and counted; if Redis is there it is
// refused.
func (n *streamNode) BroadcastKept(p adapter.Packet, o adapter.Options, deliver func(offset string)) error {
	m := &cluster.Message{Type: cluster.Broadcast, Namespace: n.local.Namespace(), Packet: p, Options: o}
	return n.bus.add(m, &keptEntry{deliver: deliver})
}

// Close implements adapter.Adapter. It ends the calls that wait for a full
// queue.
func (n *streamNode) Close() error {
	n.stream.dismiss(n.bus)
	return n.Adapter.Close()
}

// Since implements adapter.Recoverer.
func (n *streamNode) Since() (offset string, changed <-chan struct{}) {
	n.stream.mu.Lock()
	defer n.stream.mu.Unlock()
	return n.bus.since, n.stream.moved
}

var _ adapter.Recoverer = (*streamNode)(nil)
