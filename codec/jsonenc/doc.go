// Package jsonenc turns Go values into JSON and back.
package jsonenc
