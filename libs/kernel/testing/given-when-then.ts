import { expect } from '@jest/globals';
import { type Decider, type Message, Refusal, fold } from '@scrip/kernel';

type Then<Event> = Readonly<{
  /** The events, or at least these fields of them, in order. */
  then: (...expected: readonly object[]) => void;
  thenRefused: (code: string, details?: object) => void;
  events: () => readonly Event[];
}>;

/** Given this history (commands carried out in order), when this command, then these events or this refusal. */
export const specFor = <State, Command extends Message, Event extends Message>(
  decider: Decider<State, Command, Event>,
): Readonly<{
  given: (...history: readonly Command[]) => Readonly<{ when: (command: Command) => Then<Event> }>;
}> => ({
  given: (...history) => {
    const state = history.reduce(
      (before, command) => fold(decider, before, decider.decide(command, before)),
      decider.initialState,
    );
    return {
      when: (command) => ({
        events: () => decider.decide(command, state),
        then: (...expected) => {
          const events = decider.decide(command, state);
          fold(decider, state, events);
          expect(events).toHaveLength(expected.length);
          expect(events).toMatchObject(expected);
        },
        thenRefused: (code, details = {}) => {
          let refusal: unknown;
          try {
            decider.decide(command, state);
          } catch (error) {
            refusal = error;
          }
          expect(refusal).toBeInstanceOf(Refusal);
          expect(refusal).toMatchObject({ code, details });
        },
      }),
    };
  },
});
