//go:build linux

// Package run carries out a scenario against a running server and checks what
// it delivered: a message that is lost, doubled, out of order or altered fails
// the run, so that no figure comes from a server that did less than its work.
//
// One file a kind of scenario, soak*.go for soaks; session.go has what they
// share. Series alternates the runs between servers and repeats those that
// other work on the machine disturbed.
//
// Threading: a run takes place on the calling goroutine, which should be locked
// to its thread.
package run
