//go:build linux

package main

import (
	"context"
	"strings"
	"sync"
)

// ownNode is this server's number in a cluster that forwards requests.
const ownNode = 1

// nodes is a directory of nodes that the harness fills. It is safe for
// concurrent use.
type nodes struct {
	mu    sync.Mutex
	addrs []string // of node 2 and those behind it
}

// set replaces all nodes but this one. addrs are separated by spaces.
func (n *nodes) set(addrs string) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs = strings.Fields(addrs)
	return len(n.addrs)
}

// Node implements eio.Directory.
func (n *nodes) Node() uint32 { return ownNode }

// Lookup implements eio.Directory.
func (n *nodes) Lookup(_ context.Context, node uint32) (addr string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := int(node) - ownNode - 1; i >= 0 && i < len(n.addrs) {
		return n.addrs[i], true
	}
	return "", false
}
