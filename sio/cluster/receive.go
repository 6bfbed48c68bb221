package cluster

import (
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// receive takes a message from the bus. It waits only until the bus is open.
func (n *Node) receive(m *Message) {
	<-n.opened
	if !n.closed.Load() && m.UID == n.uid && m.Instance != "" && m.Instance != n.instance {
		n.duplicateUID(m)
		return
	}
	if n.closed.Load() || m.UID == n.uid || m.Namespace != n.namespace || m.To != "" && m.To != n.uid {
		return
	}
	defer n.recovered()
	n.counts.received.Add(1)
	if len(m.UID) > maxID || len(m.RequestID) > maxID {
		n.counts.invalid.Add(1)
		return
	}
	if m.Type == AdapterClose {
		n.left(m.UID)
		return
	}
	n.heard(m.UID)
	switch m.Type {
	case InitialHeartbeat:
		if n.counter == nil {
			_ = n.publish(&Message{Type: Heartbeat}) // counted if it is lost
		}
	case Heartbeat:
	case Broadcast:
		if m.RequestID != "" {
			n.collectFor(m)
		} else if err := n.local.Broadcast(m.Packet, m.Options); err != nil {
			n.refuse(m, err)
		}
	case SocketsJoin:
		if err := adapter.CheckNames(m.Rooms); err != nil {
			n.refuse(m, err)
			return
		}
		n.local.AddSockets(m.Options, m.Rooms)
	case SocketsLeave:
		n.local.DelSockets(m.Options, m.Rooms)
	case DisconnectSockets:
		n.local.DisconnectSockets(m.Options, m.Close)
	case FetchSockets:
		n.describe(m)
	case ServerSideEmit:
		n.serverSide(m)
	case FetchSocketsResponse, ServerSideEmitResponse, BroadcastClientCount, BroadcastAck:
		if p := n.requests.find(m.RequestID); p == nil || !p.answer(m) {
			n.counts.unknown.Add(1)
		}
	case AnswerPart:
		n.takePart(m)
	case NextPart:
		n.outgoing.next(n, m)
	default:
		n.counts.invalid.Add(1)
	}
}

// refuse counts a message that can't be carried out.
func (n *Node) refuse(m *Message, err error) {
	n.counts.invalid.Add(1)
	n.cfg.Logger.Debug("cluster: invalid message", "namespace", n.namespace, "node", m.UID, "type", m.Type, "error", err)
}

// serverSide has a worker call the namespace's handlers.
func (n *Node) serverSide(m *Message) {
	var reply func(adapter.Answer)
	if m.RequestID != "" {
		var replied atomic.Bool
		reply = func(a adapter.Answer) {
			if !replied.Swap(true) {
				n.respondAnswer(m, ServerSideEmitResponse, a)
			}
		}
	}
	n.start(&n.handlers, func() { n.local.ServerSideEvent(m.Packet, reply) })
}

func (n *Node) start(w *workers, task func()) {
	if !w.do(task) {
		n.counts.dropped.Add(1)
	}
}

// duplicateLogTime is the least time between two log records about a duplicate
// UID.
const duplicateLogTime = time.Minute

// processStart is the origin of times that are stored as numbers.
var processStart = time.Now()

// duplicateUID counts and logs a message of another node that has this node's
// UID. Each of the two takes the other's messages for its own and drops them.
func (n *Node) duplicateUID(m *Message) {
	n.counts.duplicateUIDs.Add(1)
	now, last := int64(time.Since(processStart)), n.duplicateLog.Load()
	if last != 0 && now-last < int64(duplicateLogTime) || !n.duplicateLog.CompareAndSwap(last, now) {
		return
	}
	n.cfg.Logger.Error("cluster: another server has the same UID, so the two get nothing from each other; Config.UID must return a unique one for each server",
		"namespace", n.namespace, "node", n.uid, "type", m.Type)
}
