package cluster

import "github.com/sioserver/sioserver/sio/adapter"

// receive takes a message from the bus. Nothing in it waits for anybody, but
// for the bus being opened.
func (n *Node) receive(m *Message) {
	<-n.opened
	if !n.closed.Load() && m.UID == n.uid && m.Instance != "" && m.Instance != n.instance {
		n.twin(m)
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
			_ = n.publish(&Message{Type: Heartbeat}) // counted when it is lost
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
		n.outflows.next(n, m)
	default:
		n.counts.invalid.Add(1)
	}
}

// refuse counts a message that can't be acted upon.
func (n *Node) refuse(m *Message, err error) {
	n.counts.invalid.Add(1)
	n.cfg.Logger.Debug("cluster: invalid message", "namespace", n.namespace, "node", m.UID, "type", m.Type, "error", err)
}
