// Package jsonenc turns Go values into the JSON that JSON.stringify would give
// and back, and splits JSON without decoding it. It is the only importer of
// sonic; what sonic does not guarantee (null for NaN, UTF-8, bounded nesting,
// errors that keep nothing of the input) is settled here.
//
// The packages codec/socketio and codec/engineio call it, and through them the
// loops and the application's goroutines. All functions are pure and safe for
// concurrent use. Inputs are borrowed until return, appending goes to the
// caller's slice.
//
// sonic compiles code for each type at its first use, which takes
// milliseconds: call Pretouch at start for the types that loops will meet.
// Skip and the appending of strings and numbers do not involve sonic. On
// systems other than amd64 and arm64 encoding/json takes sonic's place: see
// portable.go.
package jsonenc
