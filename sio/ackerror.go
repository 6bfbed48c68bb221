package sio

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
)

// Error is what a handler returns to answer an event with an error that its
// client can read. If the client asked for an acknowledgement, and none was
// sent, it gets one with this argument, without the fields that are not set:
//
//	{"error": {"message": "no such room", "code": "not_found", "data": {"room": "a"}}}
//
// Errors that wrap an Error do the same. For other errors see
// [Config.AnswerErrors]. The error is also reported as any other.
type Error struct {
	// Message is for people. Code, unless empty, is for programs.
	Message, Code string
	// Data is sent as JSON; nil sends none.
	Data any

	cause error
}

// Error returns the message, with the code in front if there is one.
func (e *Error) Error() string {
	if e.Code == "" {
		return e.Message
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the error of this package that e stands for, if any.
func (e *Error) Unwrap() error { return e.cause }

// ClientError is what [EmitAck] returns when a client has acknowledged an event
// with an error, in the form of [Error]. A handler that returns it does not pass
// it on to its own client, as it would an Error.
type ClientError struct {
	Message, Code string
	// Data is raw JSON; nil for none.
	Data json.RawMessage
}

// Error returns the message, with the code in front if there is one.
func (e *ClientError) Error() string {
	return "sio: the client has answered: " + (&Error{Message: e.Message, Code: e.Code}).Error()
}

// errorAnswer is the form of an acknowledgement that is an error.
type errorAnswer struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Message string `json:"message"`
	Code    string `json:"code,omitempty"`
	Data    any    `json:"data,omitempty"`
}

// The codes of errors that the server answers with itself, with
// Config.AnswerErrors and limits.
const (
	codeInvalidArgument = "invalid_argument"
	codeInternal        = "internal"
	codeTooManyEvents   = "too_many_events"
)

// errInternal is what clients get of errors that are not meant for them.
var errInternal = &Error{Message: errMiddleware.Error(), Code: codeInternal}

// shown returns what a client gets of a handler's error; nil for nothing.
func (srv *Server) shown(err error) *Error {
	var meant *Error
	if errors.As(err, &meant) && meant != nil {
		return meant
	}
	if !srv.cfg.AnswerErrors {
		return nil
	}
	var argument *ArgumentError
	if errors.As(err, &argument) {
		return &Error{Message: "invalid argument", Code: codeInvalidArgument, Data: map[string]int{"index": argument.Index}}
	}
	return errInternal
}

// answer acknowledges the event with what the client gets of err, unless that
// is nothing or the event was acknowledged.
func (e *Event) answer(err error) {
	if !e.wants || e.acked.Load() {
		return
	}
	shown := e.socket.ns.srv.shown(err)
	if shown == nil {
		return
	}
	body := errorBody{shown.Message, shown.Code, shown.Data}
	if shown.Data != nil {
		if err := socketio.Check(shown.Data); err != nil {
			e.socket.ns.srv.reportError(e.socket, e.name, err)
			body.Data = nil
		}
	}
	failed := e.Ack(errorAnswer{body})
	if failed == nil || errors.Is(failed, ErrAcked) || errors.Is(failed, ErrDisconnected) {
		return
	}
	e.socket.ns.srv.reportError(e.socket, e.name, failed)
	body.Data = nil
	_ = e.Ack(errorAnswer{body}) // only the data could not be encoded
}

// answerUnfinished is deferred around handlers: one that has panicked or ended
// its goroutine is answered with an internal error.
func (e *Event) answerUnfinished(finished *bool) {
	if !*finished && e.wants && e.socket.ns.srv.cfg.AnswerErrors {
		e.answer(errInternal)
	}
}

// clientError returns the error that an acknowledgement is; nil for none.
func clientError(args RawArgs) error {
	if args.Len() != 1 {
		return nil
	}
	raw := args.Raw(0)
	if trimmed := bytes.TrimLeft(raw, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' || !bytes.Contains(trimmed, []byte(`"error"`)) {
		return nil
	}
	var outer map[string]json.RawMessage
	if jsonenc.Unmarshal(raw, &outer) != nil || len(outer) != 1 {
		return nil
	}
	var inner struct {
		Message *string         `json:"message"`
		Code    string          `json:"code"`
		Data    json.RawMessage `json:"data"`
	}
	if jsonenc.Unmarshal(outer["error"], &inner) != nil || inner.Message == nil {
		return nil
	}
	return &ClientError{Message: *inner.Message, Code: inner.Code, Data: inner.Data}
}
