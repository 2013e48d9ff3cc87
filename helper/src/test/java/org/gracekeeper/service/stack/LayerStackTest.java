// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.service.own.OwnStack;
import org.gracekeeper.service.own.RpcbindLayer;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.Test;

class LayerStackTest {
    private final List<String> done = new ArrayList<>();

    private final class Recorder implements Layer {
        private final String name;
        private final String problem;

        Recorder(String name, String problem) {
            this.name = name;
            this.problem = problem;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public void up(Operation operation) {
            done.add("up " + name);
        }

        @Override
        public void down(Operation operation) {
            done.add("down " + name);
        }

        @Override
        public Optional<String> check(Operation operation) {
            return Optional.ofNullable(problem);
        }

        @Override
        public Optional<String> remark(Operation operation) {
            return name.equals("low") ? Optional.empty() : Optional.of(name + " is odd");
        }

        @Override
        public void tend(Operation operation) {
            done.add("tend " + name);
        }
    }

    private LayerStack stack(String problem) {
        return of(new Recorder("low", null), new Recorder("high", problem));
    }

    private static LayerStack of(Layer... layers) {
        return new OwnStack(null, null, List.of(layers), null, null, null, null, null, null, null, null, null, null);
    }

    private static RunningService started() throws Exception {
        return TestService.at(Path.of("/srv/a/state")).started(5);
    }

    private static Operation on(RunningService service) {
        return TestService.operation(service, new ArrayList<>());
    }

    @Test
    void theMonitorTendsAServiceThatServes() throws Exception {
        assertEquals(Optional.empty(), stack(null).monitor(on(started().withOpened())));
        assertEquals(List.of("tend low", "tend high"), done);
    }

    @Test
    void nothingIsTendedThatDoesNotServe() throws Exception {
        stack(null).monitor(on(started()));
        stack(null).monitor(on(started().withOpened().withStopping()));
        assertEquals(Optional.of("shut"), stack("shut").monitor(on(started().withOpened())));
        assertEquals(List.of(), done);
    }

    @Test
    void aRemarkIsNoProblem() throws Exception {
        assertEquals(Optional.empty(), stack(null).monitor(on(started().withOpened())));
        assertEquals(List.of("high is odd"), stack(null).remarks(on(started().withOpened())));
        assertEquals(List.of(), of(new Recorder("low", null)).remarks(on(started().withOpened())));
    }

    @Test
    void noRemarkHidesAnother() throws Exception {
        assertEquals(List.of("high is odd", "higher is odd"), of(new Recorder("low", null), new Recorder("high", null),
                new Recorder("higher", null)).remarks(on(started().withOpened())));
    }

    @Test
    void theCommandLineOnlyLooks() throws Exception {
        assertEquals(List.of(new LayerStack.LayerState("low", "ok"), new LayerStack.LayerState("high", "shut")),
                stack("shut").states(on(started().withOpened())));
        assertEquals(List.of(new LayerStack.LayerState("low", "ok")),
                of(new RpcbindLayer(null, null, null), new Recorder("low", null)).states(on(started())));
        stack(null).states(on(started().withOpened()));
        assertEquals(List.of(), done);
    }
}
