package redisadapter

import (
	"cmp"
	"context"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// streamBus carries the messages of one namespace of one server. What must not get
// lost goes through the stream. What is of use only at once, requests and their
// answers, goes by channels: requests by that of the namespace, answers by that of
// the node that has asked. It implements cluster.Bus and cluster.Counter. Safe for
// concurrent use.
type streamBus struct {
	stream    *stream
	members   *members
	namespace string
	uid       string
	public    string // the namespace's channel
	receiver  receiver
	receive   func(m *cluster.Message)
	mayWait   func() bool     // reports whether the calling goroutine may
	ended     <-chan struct{} // closed when nothing more may wait for the channels
	since     string          // see streamNode.Since; guarded by stream.mu
	closed    bool            // nothing more may wait; guarded by stream.mu
}

// open begins to receive. What counts servers is subscribed to last.
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

// private is the channel of a node.
func (b *streamBus) private(uid string) string { return b.public + uid + "#" }

// Publish implements cluster.Bus. It may wait for room in the stream's queue.
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

// ephemeral reports whether a message goes by a channel.
func ephemeral(m *cluster.Message) bool {
	switch m.Type {
	case cluster.Broadcast:
		return m.RequestID != ""
	case cluster.FetchSockets, cluster.ServerSideEmit:
		return true
	}
	return m.To != ""
}

// add queues a message for the stream. kept, unless nil, waits for its place.
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

// receiveEntry takes what was read from the stream.
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

// twin tells the node that another one, which is not of this process or has written an
// entry before, has its UID.
func (b *streamBus) twin(e entry) {
	b.receive(&cluster.Message{Type: e.kind, UID: e.uid, Namespace: e.namespace, Instance: cmp.Or(e.writer, "?")})
}

// receiveChannel takes what has come by a channel.
func (b *streamBus) receiveChannel(channel string, payload []byte) {
	m, err := wire.Decode(payload)
	if err != nil {
		b.members.refuse(channel, err)
		return
	}
	b.receive(m)
}

// ServerCount implements cluster.Counter. It waits until this server can be answered.
func (b *streamBus) ServerCount(ctx context.Context) (int, error) {
	return b.members.channels.countServers(ctx, b.public, b.private(b.uid))
}

// MaxMessage implements cluster.Sizer, for what goes by channels.
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
