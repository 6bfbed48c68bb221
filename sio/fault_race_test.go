//go:build race

package sio_test

// cutSeldom says that the race detector, which takes its time, is on.
const cutSeldom = true
