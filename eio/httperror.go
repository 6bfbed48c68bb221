package eio

import (
	"cmp"
	"errors"
	"net/http"
)

// HTTPError is an error of [Config.AllowRequest] that says how the request is
// answered.
//
// Any error with a method StatusCode() int, also one that is wrapped, sets the
// status in the same way. The client then gets the error's text.
type HTTPError struct {
	// Status is the status of the answer, for polling and for a WebSocket. It
	// must be between 400 and 599; otherwise it is 403, or 400 for a WebSocket.
	Status int
	// Message is what the client gets; the status's own text when empty. Over
	// polling it is the message of the engine's JSON.
	Message string
	// Header is added to the answer: WWW-Authenticate and Retry-After, for
	// example. Fields that frame the answer are left out.
	Header http.Header
	// Err is the cause, for logs and [Config.OnConnectionError]. Clients do not
	// see it.
	Err error
}

// Error returns the message, and the cause if there is one.
func (e *HTTPError) Error() string {
	if e.Err != nil {
		return e.text() + ": " + e.Err.Error()
	}
	return e.text()
}

// Unwrap returns Err.
func (e *HTTPError) Unwrap() error { return e.Err }

// StatusCode returns Status.
func (e *HTTPError) StatusCode() int { return e.Status }

// text returns what the client gets.
func (e *HTTPError) text() string {
	return cmp.Or(e.Message, http.StatusText(e.Status), refuseForbidden.message)
}

// forbiddenBy returns the refusal of a request that Config.AllowRequest has
// answered with err.
func forbiddenBy(err error) refusal {
	r := refuseForbidden
	var coded interface{ StatusCode() int }
	if errors.As(err, &coded) {
		if status := coded.StatusCode(); status >= 400 && status <= 599 {
			r.status, r.upgrade = status, status
		}
	}
	e, ok := coded.(*HTTPError)
	switch {
	case ok:
		r.message = e.text()
	case !errors.Is(err, ErrForbidden):
		r.message = err.Error()
	}
	return r
}
