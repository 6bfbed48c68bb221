package sio

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// On registers a handler that gets the event's first argument as a T: a struct,
// a string, []byte for a binary value, or what else encoding/json can fill. T
// may also be [Args2] or [Args3] for several arguments, [None] for none, and
// [RawArgs], []json.RawMessage or []any for all. These two slices are never one
// argument: for an argument that is an array take any other type, such as any
// or []T, or a named one. A []byte takes binary values, not strings. An
// argument that is missing leaves its zero value; one that does not fit keeps
// the handler from being called and is given to [Config.OnError]. See
// [HandlerFunc] for ctx and the returned error. off removes the handler.
func On[T any](r Registrar, event string, h func(ctx context.Context, s *Socket, arg T) error, opts ...HandlerOption) (off func()) {
	wantHandler("On", h != nil)
	pretouch[T]()
	return r.On(event, func(ctx context.Context, e *Event) error {
		var arg T
		if err := bind(e.RawArgs, &arg); err != nil {
			return err
		}
		return h(ctx, e.socket, arg)
	}, lending[T](opts)...)
}

// OnAck is On for an event that is acknowledged: what h returns is the
// acknowledgement's argument, or its arguments when R is [Args2], [Args3],
// [RawArgs], []json.RawMessage or []any; none when R is [None]. When h returns
// an error, what the client gets is up to [Config.AnswerErrors] and [Error].
func OnAck[T, R any](r Registrar, event string, h func(ctx context.Context, s *Socket, arg T) (R, error), opts ...HandlerOption) (off func()) {
	wantHandler("OnAck", h != nil)
	pretouch[T]()
	pretouch[R]()
	return r.On(event, func(ctx context.Context, e *Event) error {
		var arg T
		if err := bind(e.RawArgs, &arg); err != nil {
			return err
		}
		result, err := h(ctx, e.socket, arg)
		if err != nil || !e.wants {
			return err
		}
		return e.Ack(results(result)...)
	}, lending[T](opts)...)
}

// EmitAck sends an event, waits for the client's acknowledgement and decodes
// its first argument into an R; R may be any type that [On] knows. See
// [Socket.EmitAck] for the errors. If the client has answered with an error in
// the form of [Error], it is a [*ClientError], unless R stands for all arguments
// as they came.
func EmitAck[R any](ctx context.Context, to AckEmitter, event string, args ...any) (R, error) {
	var result R
	answer, err := to.EmitAck(ctx, event, args...)
	if err == nil && !isRaw(&result) {
		err = clientError(answer)
	}
	if err == nil {
		err = bind(answer, &result)
	}
	return result, err
}

// isRaw reports whether v points to a type that stands for all arguments as
// they came.
func isRaw(v any) bool {
	switch v.(type) {
	case *RawArgs, *[]json.RawMessage, *[]any:
		return true
	}
	return false
}

// AckEmitter emits events that are acknowledged: a [Socket] or a
// [SocketEmitter].
type AckEmitter interface {
	EmitAck(ctx context.Context, event string, args ...any) (RawArgs, error)
}

// None stands for no arguments.
type None struct{}

// Args2 are the first two arguments of an event or acknowledgement.
type Args2[A, B any] struct {
	A A
	B B
}

// Args3 are the first three arguments of an event or acknowledgement.
type Args3[A, B, C any] struct {
	A A
	B B
	C C
}

// tuple is one of the types that stand for several arguments.
type tuple interface {
	pointers() []any
	values() []any
}

func (a *Args2[A, B]) pointers() []any { return []any{&a.A, &a.B} }

func (a *Args2[A, B]) values() []any { return []any{a.A, a.B} }

func (a *Args3[A, B, C]) pointers() []any { return []any{&a.A, &a.B, &a.C} }

func (a *Args3[A, B, C]) values() []any { return []any{a.A, a.B, a.C} }

func bind[T any](args RawArgs, v *T) error {
	switch v := any(v).(type) {
	case *None:
		return nil
	case *RawArgs:
		*v = args
		return nil
	case *[]json.RawMessage:
		if args.parsed != nil {
			for i := range args.Len() {
				*v = append(*v, args.Raw(i))
			}
			return nil
		}
		rest := args.raw
		for arg, ok := rest.Next(); ok; arg, ok = rest.Next() {
			*v = append(*v, append(json.RawMessage(nil), arg...))
		}
		return nil
	case *[]any:
		all, err := args.all()
		*v = all
		return err
	case tuple:
		return args.Bind(v.pointers()...)
	}
	if args.parsed != nil {
		return args.Bind(v)
	}
	arg, ok := args.raw.Arg(0)
	if !ok {
		return nil
	}
	if err := args.decode(arg, v); err != nil {
		return &ArgumentError{Index: 0, Err: err}
	}
	return nil
}

func results[R any](v R) []any {
	switch p := any(&v).(type) {
	case *None:
		return nil
	case *[]json.RawMessage:
		list := make([]any, len(*p))
		for i, raw := range *p {
			list[i] = raw
		}
		return list
	case *[]any:
		return *p
	case tuple:
		return p.values()
	default:
		return []any{v}
	}
}

// lending adds the option that lets events be used again, which those whose raw
// form reaches the application can't.
func lending[T any](opts []HandlerOption) []HandlerOption {
	if _, raw := any((*T)(nil)).(*RawArgs); raw {
		return opts
	}
	return append(opts[:len(opts):len(opts)], lends())
}

// pretouch prepares the codec for a type, so that its first use on a loop or
// worker is not slow.
func pretouch[T any]() {
	switch v := any(new(T)).(type) {
	case *None, *RawArgs, *[]json.RawMessage, *[]any:
	case tuple:
		for _, p := range v.pointers() {
			pretouchType(reflect.TypeOf(p).Elem())
		}
	default:
		pretouchType(reflect.TypeFor[T]())
	}
}

// pretouchType ignores types that the codec refuses: they fail, and are
// reported, where they are used.
func pretouchType(t reflect.Type) {
	if t.Kind() != reflect.Interface {
		_ = jsonenc.Pretouch(t)
	}
}
