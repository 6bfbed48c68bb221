package sio

import (
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
)

// holdRaw reports whether there are RawArgs among args.
func holdRaw(args []any) bool {
	for _, arg := range args {
		if _, ok := arg.(RawArgs); ok {
			return true
		}
	}
	return false
}

// spread returns args with the arguments that each RawArgs among them stands for in
// its place, as values for encoders: those of ps, or of JSON and of adapters when that
// is nil. They are not decoded, but for those of a Parser that is not ours. It returns
// args itself when there is nothing to do; the values are borrowed as args are.
func spread(args []any, ps Parser) ([]any, error) {
	foreign := false
	if ps != nil {
		_, own := ps.(messagePack)
		foreign = !own
	}
	for i, arg := range args {
		switch arg.(type) {
		case RawArgs:
		case socketio.RawArg:
			if !foreign {
				continue
			}
		default:
			continue
		}
		return spreadFrom(append(make([]any, 0, len(args)+4), args[:i]...), args[i:], ps, foreign)
	}
	return args, nil
}

// spreadFrom appends args to list.
func spreadFrom(list, args []any, ps Parser, foreign bool) ([]any, error) {
	for _, arg := range args {
		var err error
		switch v := arg.(type) {
		case RawArgs:
			list, err = v.appendTo(list, ps, foreign)
		case socketio.RawArg:
			list, err = appendRawArg(list, v, foreign)
		default:
			list = append(list, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// appendTo appends the arguments to list, each as a value that the encoders of ps know;
// foreign tells that ps knows no more than Go values and JSON.
func (a RawArgs) appendTo(list []any, ps Parser, foreign bool) (_ []any, err error) {
	if a.parsed != nil {
		for i := range a.parsed.list {
			v, err := a.parsed.value(i, ps)
			if err != nil {
				return nil, &ArgumentError{Index: i, Err: err}
			}
			if list, err = spreadFrom(list, []any{v}, ps, foreign); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	rest := a.raw
	for arg, ok := rest.Next(); ok; arg, ok = rest.Next() {
		if list, err = appendRawArg(list, socketio.NewRawArg(arg, a.attachments), foreign); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// appendRawArg appends an argument that is JSON to list; decoded if foreign is set.
func appendRawArg(list []any, arg socketio.RawArg, foreign bool) ([]any, error) {
	if !foreign {
		return append(list, arg), nil
	}
	var v any
	if err := socketio.DecodeArg(arg.JSON(), arg.Attachments(), &v); err != nil {
		return nil, err
	}
	return append(list, v), nil
}

// value returns argument i as a value for the encoders of ps, or of JSON when that is
// nil.
func (a *parsedArgs) value(i int, ps Parser) (any, error) {
	if _, ours := a.parser.(messagePack); ours {
		if _, same := ps.(messagePack); same {
			return msgpack.Raw(a.list[i]), nil
		}
		return msgpack.Arg(a.list[i])
	}
	var v any
	err := a.parser.DecodeValue(a.list[i], &v)
	return v, err
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
	v, err := a.parsed.value(0, nil)
	if err != nil {
		return nil, nil, &ArgumentError{Index: 0, Err: err}
	}
	return socketio.AppendArgs(nil, []any{v})
}
