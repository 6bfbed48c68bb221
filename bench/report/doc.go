//go:build linux

// Package report turns records into tables for people. Functions are pure.
package report
