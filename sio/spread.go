package sio

import "github.com/sioserver/sioserver/codec/socketio"

// holdRaw reports whether there are RawArgs among args.
func holdRaw(args []any) bool {
	for _, arg := range args {
		if _, ok := arg.(RawArgs); ok {
			return true
		}
	}
	return false
}

// valueForm says which arguments that are encoded already an encoder takes.
type valueForm uint8

const (
	takesJSON        valueForm = iota // socketio.RawArg: jsonCodec, and adapters
	takesMessagePack                  // that, and msgpack.Raw
	takesValues                       // none: a Parser of the application's
)

// spread returns args with the arguments that each RawArgs among them stands for in
// its place, as values for an encoder. They are decoded only for one that takes no
// other. It returns args itself when there is nothing to do; the values are
// borrowed as args are.
func spread(args []any, takes valueForm) ([]any, error) {
	for i, arg := range args {
		switch arg.(type) {
		case RawArgs:
		case socketio.RawArg:
			if takes != takesValues {
				continue
			}
		default:
			continue
		}
		return spreadFrom(append(make([]any, 0, len(args)+4), args[:i]...), args[i:], takes)
	}
	return args, nil
}

// spreadFrom appends args to list.
func spreadFrom(list, args []any, takes valueForm) ([]any, error) {
	for _, arg := range args {
		var err error
		switch v := arg.(type) {
		case RawArgs:
			list, err = v.appendTo(list, takes)
		case socketio.RawArg:
			list, err = appendRawArg(list, v, takes)
		default:
			list = append(list, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// appendTo appends the arguments to list, each as a value that the encoder takes.
func (a RawArgs) appendTo(list []any, takes valueForm) (_ []any, err error) {
	if a.parsed != nil {
		for i := range a.parsed.list {
			v, err := a.parsed.value(i, takes)
			if err != nil {
				return nil, &ArgumentError{Index: i, Err: err}
			}
			if list, err = spreadFrom(list, []any{v}, takes); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	rest := a.raw
	for arg, ok := rest.Next(); ok; arg, ok = rest.Next() {
		if list, err = appendRawArg(list, socketio.NewRawArg(arg, a.attachments), takes); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// appendRawArg appends an argument that is JSON to list, decoded if need be.
func appendRawArg(list []any, arg socketio.RawArg, takes valueForm) ([]any, error) {
	if takes != takesValues {
		return append(list, arg), nil
	}
	var v any
	if err := socketio.DecodeArg(arg.JSON(), arg.Attachments(), &v); err != nil {
		return nil, err
	}
	return append(list, v), nil
}

// first returns the first argument as JSON, nil when there is none, and the
// attachments that placeholders in it stand for.
func (a RawArgs) first() (data []byte, attachments [][]byte, err error) {
	switch {
	case a.parsed == nil:
		return a.Raw(0), a.attachments, nil
	case len(a.parsed.list) == 0:
		return nil, nil, nil
	}
	v, err := a.parsed.value(0, takesJSON)
	if err != nil {
		return nil, nil, &ArgumentError{Index: 0, Err: err}
	}
	return socketio.AppendArgs(nil, []any{v})
}
