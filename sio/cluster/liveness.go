package cluster

import (
	"sync"
	"sync/atomic"
	"time"
)

// maxNodes is how many nodes are known at most, maxID how long a UID or the id of a
// request may be.
const (
	maxNodes = 4096
	maxID    = 128
)

// liveness is which other nodes are alive, when heartbeats tell. Its lock is held
// when none other is taken.
type liveness struct {
	start    time.Time
	lastSent atomic.Int64 // when something was published for all nodes, since start

	mu       sync.Mutex
	nodes    map[string]time.Time // when each was last heard; nil with a Counter
	beating  *time.Timer          // until the next heartbeat may be due
	sweeping *time.Timer          // until the next node may have fallen silent
	due      time.Time            // when sweeping is to end
	stopped  bool
}

func (n *Node) startHeartbeats() {
	l := &n.live
	_ = n.publish(&Message{Type: InitialHeartbeat}) // when it is lost the next Heartbeat does
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beating = time.AfterFunc(n.cfg.HeartbeatInterval, n.heartbeat)
	l.sweeping = time.AfterFunc(n.cfg.HeartbeatTimeout, n.sweep)
	l.due = time.Now().Add(n.cfg.HeartbeatTimeout)
}

// sent notes that something was published for all nodes.
func (l *liveness) sent() { l.lastSent.Store(int64(time.Since(l.start))) }

// heartbeat tells that this node is alive unless it has told all nodes something else.
func (n *Node) heartbeat() {
	l := &n.live
	idle := time.Since(l.start) - time.Duration(l.lastSent.Load())
	if idle >= n.cfg.HeartbeatInterval {
		_ = n.publish(&Message{Type: Heartbeat}) // counted when it is lost
		idle = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped {
		l.beating.Reset(n.cfg.HeartbeatInterval - idle)
	}
}

// heard notes that a node is alive.
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

// left notes that a node has said that it leaves.
func (n *Node) left(uid string) {
	l := &n.live
	l.mu.Lock()
	_, known := l.nodes[uid]
	delete(l.nodes, uid)
	l.mu.Unlock()
	if known {
		n.cfg.Logger.Info("cluster: a node has left", "namespace", n.namespace, "node", uid)
		n.requests.lose(uid)
	}
}

// sweep takes leave of the nodes that have fallen silent. When it comes late the process
// did not run, and what the nodes have sent meanwhile is read first.
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
		n.cfg.Logger.Warn("cluster: a node has fallen silent", "namespace", n.namespace, "node", uid)
		n.requests.lose(uid)
	}
}

// uids are the nodes that are alive.
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
