// Package cluster makes the namespaces of several servers one: [Node] is an
// [adapter.Adapter] over a [Bus], which only carries messages. It counts answers,
// times requests out and tells which nodes are alive, so that a bus need not.
package cluster
