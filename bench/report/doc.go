//go:build linux

// Package report makes tables and charts of records. Functions are pure.
package report
