//go:build !race

package sio_test

const cutSeldom = false
