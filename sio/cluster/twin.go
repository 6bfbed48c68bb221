package cluster

import "time"

// twinTime is between two lines about a node with the same UID.
const twinTime = time.Minute

// begun is what times that are kept as numbers count from.
var begun = time.Now()

// twin notes a message of another node that has this node's UID: neither gets what the
// other one sends, because each takes it for its own.
func (n *Node) twin(m *Message) {
	n.counts.twins.Add(1)
	now, last := int64(time.Since(begun)), n.twinLog.Load()
	if last != 0 && now-last < int64(twinTime) || !n.twinLog.CompareAndSwap(last, now) {
		return
	}
	n.cfg.Logger.Error("cluster: another server has the same UID; nothing passes between the two. Config.UID must give each server its own",
		"namespace", n.namespace, "node", n.uid, "type", m.Type)
}
