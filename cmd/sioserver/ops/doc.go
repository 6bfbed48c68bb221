// Package ops is what operators and their programs ask a running program over
// HTTP: whether it lives, whether it takes clients, and where its time and
// memory go.
package ops
