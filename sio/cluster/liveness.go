package cluster

import (
	"sync"
	"sync/atomic"
	"time"
)

// maxNodes bounds the nodes that are known, maxID the bytes of a UID and of the
// id of a request.
const (
	maxNodes = 4096
	maxID    = 128
)

// liveness holds which other nodes are alive, if the nodes send heartbeats. No
// lock is taken inside its lock.
type liveness struct {
	start    time.Time
	lastSent atomic.Int64 // when a message was published for all nodes, since start

	mu       sync.Mutex
	nodes    map[string]time.Time // when the last message of each arrived; nil with a Counter
	beating  *time.Timer          // until the next heartbeat may be due
	sweeping *time.Timer          // until a node may be dead
	due      time.Time            // when sweeping fires
	stopped  bool
}

func (n *Node) startHeartbeats() {
	l := &n.live
	_ = n.publish(&Message{Type: InitialHeartbeat}) // if it is lost, the next Heartbeat replaces it
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beating = time.AfterFunc(n.cfg.HeartbeatInterval, n.heartbeat)
	l.sweeping = time.AfterFunc(n.cfg.HeartbeatTimeout, n.sweep)
	l.due = time.Now().Add(n.cfg.HeartbeatTimeout)
}

// sent notes that a message was published for all nodes.
func (l *liveness) sent() { l.lastSent.Store(int64(time.Since(l.start))) }

// heartbeat publishes a heartbeat unless another message for all nodes was
// published.
func (n *Node) heartbeat() {
	l := &n.live
	idle := time.Since(l.start) - time.Duration(l.lastSent.Load())
	if idle >= n.cfg.HeartbeatInterval {
		_ = n.publish(&Message{Type: Heartbeat}) // counted if it is lost
		idle = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped {
		l.beating.Reset(n.cfg.HeartbeatInterval - idle)
	}
}

// heard notes a message of a node.
func (n *Node) heard(uid string) {
	if n.counter != nil || uid == "" || uid == EmitterUID {
		return
	}
	l := &n.live
	l.mu.Lock()
	_, known := l.nodes[uid]
	room := known || len(l.nodes) < maxNodes
	if room {
		l.nodes[uid] = time.Now()
	}
	l.mu.Unlock()
	switch {
	case known:
	case room:
		n.cfg.Logger.Info("cluster: new node", "namespace", n.namespace, "node", uid)
	default:
		n.counts.dropped.Add(1)
	}
}

// left notes that a node has left.
func (n *Node) left(uid string) {
	l := &n.live
	l.mu.Lock()
	_, known := l.nodes[uid]
	delete(l.nodes, uid)
	l.mu.Unlock()
	if known {
		n.cfg.Logger.Info("cluster: a node has left", "namespace", n.namespace, "node", uid)
		n.requests.nodeGone(uid)
	}
}

// sweep removes the nodes that have been silent for HeartbeatTimeout. If the
// timer fires late, the process did not run; then the messages of that time are
// read first.
func (n *Node) sweep() {
	l := &n.live
	var silent []string
	next := n.cfg.HeartbeatTimeout
	l.mu.Lock()
	late := time.Since(l.due) > n.cfg.HeartbeatInterval/2
	for uid, at := range l.nodes {
		if late {
			next = n.cfg.HeartbeatInterval
			break
		}
		if rest := n.cfg.HeartbeatTimeout - time.Since(at); rest > 0 {
			next = min(next, rest)
		} else {
			delete(l.nodes, uid)
			silent = append(silent, uid)
		}
	}
	if !l.stopped {
		l.sweeping.Reset(next)
		l.due = time.Now().Add(next)
	}
	l.mu.Unlock()
	for _, uid := range silent {
		n.counts.expired.Add(1)
		n.cfg.Logger.Warn("cluster: a node is silent and taken for dead", "namespace", n.namespace, "node", uid)
		n.requests.nodeGone(uid)
	}
}

// uids returns the UIDs of the nodes that are alive.
func (l *liveness) uids() map[string]struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	uids := make(map[string]struct{}, len(l.nodes))
	for uid := range l.nodes {
		uids[uid] = struct{}{}
	}
	return uids
}

func (l *liveness) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.nodes)
}

// stop ends the heartbeats.
func (l *liveness) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	if l.beating != nil {
		l.beating.Stop()
		l.sweeping.Stop()
	}
}
