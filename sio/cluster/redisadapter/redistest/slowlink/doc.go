// Package slowlink is a line to a Redis that is slow, stands still or breaks: a TCP
// proxy. Tests use it through package redistest, the benchmark harness by itself.
package slowlink
